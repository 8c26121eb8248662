using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace Pollard.EndToEnd.Support;

/// <summary>A gateway as its own process on ports of its own, with what tests ask it over HTTP.</summary>
internal sealed class GatewayProcess : IAsyncDisposable
{
    private readonly string[] _arguments;
    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("pollard-e2e-");

    private GatewayProcess(string[] arguments)
    {
        Port = PollardProcess.FreePort();
        LinkPort = PollardProcess.FreePort();
        Url = $"http://127.0.0.1:{Port}";
        _arguments =
        [
            .. arguments,
            "--urls",
            Url,
            "--link-url",
            $"http://127.0.0.1:{LinkPort}",
            "--data",
            _data.FullName,
        ];
        Http = new HttpClient(new SocketsHttpHandler())
        {
            BaseAddress = new Uri(Url),
            Timeout = TimeSpan.FromMinutes(5),
        };
        Process = PollardProcess.Start(_arguments);
    }

    public string Url { get; }

    public int Port { get; }

    /// <summary>The port of the host link's HTTP/2.</summary>
    public int LinkPort { get; }

    public string Data => _data.FullName;

    public HttpClient Http { get; }

    public PollardProcess Process { get; private set; }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static async Task<GatewayProcess> StartAsync(params string[] arguments)
    {
        var gateway = new GatewayProcess(arguments.Length > 0 ? arguments : ["serve"]);
        await gateway.UntilReadyAsync();
        return gateway;
    }

    public Task UntilReadyAsync() =>
        Process.UntilAsync(
            async ct =>
            {
                try
                {
                    using var reply = await Http.GetAsync("/readyz", ct);
                    return reply.IsSuccessStatusCode;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            "the gateway is ready"
        );

    public Task UntilModelAsync(string model) =>
        Process.UntilAsync(
            async ct =>
                (await Http.GetStringAsync("/v1/models", ct)).Contains($"\"{model}\"", StringComparison.Ordinal),
            $"the model {model} is served"
        );

    /// <summary>SIGKILL, and a new start over the same data.</summary>
    public async Task KillAndRestartAsync()
    {
        await Process.KillAsync();
        await RestartAsync();
    }

    /// <summary>A new start, over the same data, of one that has ended.</summary>
    public async Task RestartAsync()
    {
        await Process.DisposeAsync();
        Process = PollardProcess.Start(_arguments);
        await UntilReadyAsync();
    }

    public async Task<JsonElement> PostAsync(string path, string json)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using var reply = await Http.PostAsync(path, content, Token);
        return await reply.Content.ReadFromJsonAsync<JsonElement>(Token);
    }

    public async Task<JsonElement> GetAsync(string path) => await Http.GetFromJsonAsync<JsonElement>(path, Token);

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        Http.Dispose();
        _data.Delete(recursive: true);
    }
}
