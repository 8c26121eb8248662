using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;

namespace Pollard.Bench.Machine;

/// <summary>A gateway of a measurement, in a folder of its own.</summary>
internal sealed class RunningGateway : IAsyncDisposable
{
    private readonly BenchFolder? _ownFolder;

    private RunningGateway(BenchFolder? ownFolder, ChildProcess process, int port, int linkPort)
    {
        _ownFolder = ownFolder;
        Process = process;
        Port = port;
        LinkPort = linkPort;
        Http = new HttpClient { BaseAddress = new Uri(Url) };
    }

    /// <summary>The process.</summary>
    public ChildProcess Process { get; }

    /// <summary>Where clients are served.</summary>
    public int Port { get; }

    /// <summary>Where hosts are served.</summary>
    public int LinkPort { get; }

    /// <summary>The address for agents.</summary>
    public string Url => $"http://127.0.0.1:{Port.ToString(CultureInfo.InvariantCulture)}";

    /// <summary>For what is not measured.</summary>
    public HttpClient Http { get; }

    /// <summary>Starts one.</summary>
    /// <param name="data">Its folder; null: a new one, that goes with it.</param>
    /// <param name="core">The only core it may run on; null: any.</param>
    /// <param name="ports">Its ports; null: free ones.</param>
    /// <param name="options">Further options.</param>
    public static async Task<RunningGateway> StartAsync(
        BenchFolder? data = null,
        int? core = null,
        (int Http, int Link)? ports = null,
        string[]? options = null
    )
    {
        var ownFolder = data is null ? new BenchFolder(null) : null;
        var (port, link) = ports ?? (Ports.Free(), Ports.Free());
        var process = ChildProcess.Start(
            "gateway",
            PollardProgram.File,
            [
                "serve",
                "--urls",
                $"http://127.0.0.1:{port.ToString(CultureInfo.InvariantCulture)}",
                "--link-url",
                $"http://127.0.0.1:{link.ToString(CultureInfo.InvariantCulture)}",
                "--data",
                (data ?? ownFolder)!.Path,
                .. options ?? [],
            ],
            core: core
        );
        await process.UntilSaysAsync("answers at");
        return new RunningGateway(ownFolder, process, port, link);
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
}
