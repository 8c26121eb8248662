using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace Pollard.Bench.Machine;

/// <summary>A gateway of a measurement, in a folder of its own.</summary>
internal sealed class RunningGateway : IAsyncDisposable
{
    private const string Loopback = "127.0.0.1";
    private readonly BenchFolder? _ownFolder;

    private RunningGateway(BenchFolder? ownFolder, ChildProcess process, string address, int port, int linkPort)
    {
        _ownFolder = ownFolder;
        Process = process;
        Port = port;
        LinkPort = linkPort;
        Url = UrlOf(address, port);
        Http = new HttpClient { BaseAddress = new Uri(Url) };
    }

    /// <summary>The process.</summary>
    public ChildProcess Process { get; }

    /// <summary>Where clients are served.</summary>
    public int Port { get; }

    /// <summary>Where hosts are served.</summary>
    public int LinkPort { get; }

    /// <summary>The address for agents.</summary>
    public string Url { get; }

    /// <summary>For what is not measured; shows an admin's key where one is needed.</summary>
    public HttpClient Http { get; }

    /// <summary>Starts one.</summary>
    /// <param name="data">Its folder; null: a new one, that goes with it.</param>
    /// <param name="core">The only core it may run on; null: any.</param>
    /// <param name="ports">Its ports; null: free ones.</param>
    /// <param name="options">Further options.</param>
    /// <param name="machine">The machine that it runs on and is called at, with keys; null: this one, on loopback and without.</param>
    /// <param name="environment">What it has in its environment besides.</param>
    public static async Task<RunningGateway> StartAsync(
        BenchFolder? data = null,
        int? core = null,
        (int Http, int Link)? ports = null,
        string[]? options = null,
        NetworkMachine? machine = null,
        IEnumerable<(string Name, string Value)>? environment = null
    )
    {
        var ownFolder = data is null ? new BenchFolder(null) : null;
        var (port, link) = ports ?? (Ports.Free(), Ports.Free());
        var address = machine?.Address ?? Loopback;
        var process = ChildProcess.Start(
            "gateway",
            PollardProgram.File,
            [
                "serve",
                "--urls",
                UrlOf(address, port),
                "--link-url",
                UrlOf(address, link),
                "--data",
                (data ?? ownFolder)!.Path,
                .. options ?? [],
            ],
            core,
            machine,
            environment
        );
        await process.UntilSaysAsync("answers at");
        var gateway = new RunningGateway(ownFolder, process, address, port, link);
        if (machine is not null)
        {
            const string Says = "Admin key: ";
            var key = (await process.NextLineAsync(Says))[Says.Length..];
            gateway.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }

        return gateway;
    }

    /// <summary>Makes a join token.</summary>
    /// <param name="uses">How many hosts may join with it.</param>
    public async Task<string> NewTokenAsync(int uses)
    {
        using var wanted = new StringContent(
            string.Create(CultureInfo.InvariantCulture, $$"""{"uses":{{uses}}}"""),
            Encoding.UTF8,
            "application/json"
        );
        using var reply = await Http.PostAsync(new Uri("/v1/tokens", UriKind.Relative), wanted);
        reply.EnsureSuccessStatusCode();
        return (await reply.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("token").GetString()!;
    }

    /// <summary>Waits until so many hosts are connected.</summary>
    public async Task UntilHostsAsync(int hosts)
    {
        while (await CountHostsAsync() < hosts)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100));
        }
    }

    /// <summary>How many hosts are connected.</summary>
    public async Task<int> CountHostsAsync()
    {
        // One host and the number of all: a list of thousands ten times a second would be what is measured.
        var answer = await Http.GetFromJsonAsync<JsonElement>(
            new Uri("/v1/hosts?state=online&limit=1", UriKind.Relative)
        );
        return answer.GetProperty("total").GetInt32();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Process.DisposeAsync();
        _ownFolder?.Dispose();
    }

    private static string UrlOf(string address, int port) =>
        string.Create(CultureInfo.InvariantCulture, $"http://{address}:{port}");
}
