using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using Pollard.Client;
using Pollard.Output;

namespace Pollard.Doctor;

/// <summary>Whether the parts can call one another: the gateway, its ports, the servers that models run on.</summary>
internal sealed class NetworkChecks(HttpClient http, TimeProvider time)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    /// <summary>The gateway, and whether the key opens it; where none answers, whether one could be started.</summary>
    public async Task<IReadOnlyList<CheckResult>> GatewayAsync(Uri url, string? key, CancellationToken ct)
    {
        using var gateway = new PollardClient(
            new PollardClientOptions
            {
                Gateway = url,
                Key = key,
                RetryWithin = TimeSpan.Zero,
            }
        );
        try
        {
            var page = await LimitedAsync(token => gateway.Tasks.ListAsync(new() { Limit = 1 }, token), ct);
            var found = page.Tasks.Count == 0 ? "no tasks yet" : "answers";
            return [CheckResult.Ok("gateway", $"{Shown(url)} {found}")];
        }
        catch (PollardException e) when (e.IsUnreachable)
        {
            return [NotRunning(url), .. url.IsLoopback ? Ports(url.Port) : []];
        }
        catch (PollardException e)
        {
            var advice = e.Status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden
                ? "Set POLLARD_KEY or --key-file to a key of this gateway; an admin makes one with: pollard key create NAME"
                : "Look into the gateway's log.";
            return [CheckResult.Fail("gateway", $"{Shown(url)}: {e.Message}", advice)];
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return
            [
                CheckResult.Fail(
                    "gateway",
                    $"{Shown(url)} takes calls but does not answer",
                    "Look into the gateway's log, and restart it."
                ),
            ];
        }
    }

    /// <summary>An Ollama. One that nobody asked for may be absent.</summary>
    public async Task<CheckResult> OllamaAsync(Uri url, bool isWanted, CancellationToken ct)
    {
        var (names, problem) = await ModelsAsync(url, "api/tags", null, "models", "name", ct);
        if (names is null)
        {
            return isWanted
                ? CheckResult.Fail("ollama", $"{Shown(url)}: {problem}", "Start it: ollama serve")
                : CheckResult.Warn(
                    "ollama",
                    $"{Shown(url)}: {problem}",
                    "Without a model server, pollard up serves its built-in simulator. Install Ollama, or name a server with --openai."
                );
        }

        return names.Count == 0
            ? CheckResult.Warn("ollama", $"{Shown(url)} has no model", "Pull one: ollama pull llama3.2")
            : CheckResult.Ok("ollama", $"{Shown(url)}: {Some(names)}");
    }

    /// <summary>An OpenAI-compatible server, as a backend or as the upstream.</summary>
    public async Task<CheckResult> OpenAiAsync(string name, Uri url, string? key, CancellationToken ct)
    {
        var path = url.AbsolutePath.TrimEnd('/').EndsWith("/v1", StringComparison.Ordinal) ? "models" : "v1/models";
        var (names, problem) = await ModelsAsync(url, path, key, "data", "id", ct);
        return names is null
            ? CheckResult.Fail(name, $"{Shown(url)}: {problem}", $"Check --{name} and its key.")
            : CheckResult.Ok(name, $"{Shown(url)}: {Some(names)}");
    }

    private static CheckResult NotRunning(Uri url) =>
        CheckResult.Warn(
            "gateway",
            $"none answers at {Shown(url)}",
            "Start one with: pollard up. Or name another address with --gateway or POLLARD_GATEWAY."
        );

    private static IEnumerable<CheckResult> Ports(int port)
    {
        foreach (var (wanted, use) in new[] { (port, "clients"), (port + 1, "hosts") })
        {
            CheckResult result;
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, wanted);
                listener.Start();
                result = CheckResult.Ok("port", $"{wanted} (for {use}) is free");
            }
            catch (SocketException)
            {
                result = CheckResult.Fail(
                    "port",
                    $"{wanted} (for {use}) is taken by another program",
                    "Stop that program, or choose other ports with --urls and --link-url."
                );
            }

            yield return result;
        }
    }

    private async Task<(IReadOnlyList<string>? Names, string? Problem)> ModelsAsync(
        Uri url,
        string path,
        string? key,
        string list,
        string member,
        CancellationToken ct
    )
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url.AbsoluteUri.TrimEnd('/') + "/" + path);
            if (key is not null)
            {
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
            }

            var body = await LimitedAsync(token => ReadAsync(request, token), ct);
            using var json = JsonDocument.Parse(body);
            return (
                [
                    .. json
                        .RootElement.GetProperty(list)
                        .EnumerateArray()
                        .Select(model => model.GetProperty(member).GetString() ?? ""),
                ],
                null
            );
        }
        catch (HttpRequestException e)
        {
            return (null, e.Message);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return (null, $"does not answer within {Limit.TotalSeconds:0} s");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return (null, "answers, but not as such a server does");
        }
    }

    private async Task<byte[]> ReadAsync(HttpRequestMessage request, CancellationToken ct)
    {
        using var response = await http.SendAsync(request, ct);
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadAsByteArrayAsync(ct);
    }

    private async Task<T> LimitedAsync<T>(Func<CancellationToken, Task<T>> call, CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(Limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        return await call(either.Token);
    }

    private static string Shown(Uri url) => url.AbsoluteUri.TrimEnd('/');

    private static string Some(IReadOnlyList<string> names) =>
        names.Count switch
        {
            0 => "no models",
            <= 4 => string.Join(", ", names),
            _ => $"{string.Join(", ", names.Take(3))} and {names.Count - 3} more",
        };
}
