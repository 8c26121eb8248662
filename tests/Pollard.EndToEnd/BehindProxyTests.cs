using Pollard.EndToEnd.Support;
using Pollard.Simulators;

namespace Pollard.EndToEnd;

/// <summary>A real nginx, set up as people set it up, between an agent and its gateway: which carrier the agent finds.</summary>
public sealed class BehindProxyTests
{
    // As far as this machine is concerned 127.0.0.2 is another machine, on which only the proxy listens.
    private const string Proxy = "127.0.0.2";
    private const string Model = "simulated";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("usual", "turn")]
    [InlineData("sockets", "ws")]
    [InlineData("buffered http2", "turn")]
    [InlineData("buffered http2 and sockets", "ws")]
    [InlineData("streamed http2", "h2")]
    public async Task The_best_carrier_that_gets_through_is_found(string kind, string expected)
    {
        await using var model = await OllamaSimulator.StartAsync(
            "http://127.0.0.1:0",
            new SimulatorOptions { Models = [new SimulatedModel(Model)], Tokens = 40 },
            Token
        );
        await using var gateway = await GatewayProcess.StartAsync();
        await using var proxy = await NginxProxy.StartAsync(Servers(kind, gateway), Proxy, gateway.Port);
        await using var agent = PollardProcess.Start(
            "agent",
            "--gateway",
            $"http://{Proxy}:{gateway.Port}",
            "--ollama",
            model.Url.ToString(),
            "--data",
            Path.Combine(gateway.Data, "agent")
        );
        await gateway.UntilModelAsync(Model);

        var answer = await gateway.PostAsync(
            "/v1/chat/completions",
            $$"""{"model":"{{Model}}","messages":[{"role":"user","content":"hello"}]}"""
        );
        var hosts = await gateway.GetAsync("/v1/hosts?state=online");

        Assert.True(answer.TryGetProperty("choices", out _), answer.ToString());
        var carriers = hosts.GetProperty("hosts").EnumerateArray().Select(host => host.GetProperty("carrier"));
        Assert.True(expected == carriers.Single().GetString(), $"{hosts}\n{agent.Output}");
    }

    /// <summary>Plain HTTP/1.1 on the gateway's port, and perhaps something on that of the link.</summary>
    private static string Servers(string kind, GatewayProcess gateway)
    {
        var sockets = """
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            """;
        var http1 = $$"""
            server {
              listen {{Proxy}}:{{gateway.Port}};
              location / {
                proxy_pass http://127.0.0.1:{{gateway.Port}};
                proxy_http_version 1.1;
                {{(kind.EndsWith("sockets", StringComparison.Ordinal) ? sockets : "")}}
              }
            }
            """;
        var link = kind switch
        {
            "streamed http2" => $"grpc_pass grpc://127.0.0.1:{gateway.LinkPort};",
            _ when kind.StartsWith("buffered http2", StringComparison.Ordinal) =>
                $"proxy_pass http://127.0.0.1:{gateway.Port}; proxy_http_version 1.1;",
            _ => null,
        };
        return link is null
            ? http1
            : $$"""
                {{http1}}
                server {
                  listen {{Proxy}}:{{gateway.LinkPort}} http2;
                  location / { {{link}} }
                }
                """;
    }
}
