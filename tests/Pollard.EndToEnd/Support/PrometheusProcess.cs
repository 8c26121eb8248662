using System.Globalization;
using System.Net;
using System.Text.Json;

namespace Pollard.EndToEnd.Support;

/// <summary>A real Prometheus, which reads figures each second.</summary>
internal sealed class PrometheusProcess : IAsyncDisposable
{
    private readonly DirectoryInfo _folder;
    private readonly PollardProcess _process;
    private readonly HttpClient _http;

    private PrometheusProcess(DirectoryInfo folder, PollardProcess process, int port)
    {
        (_folder, _process) = (folder, process);
        _http = new HttpClient(new SocketsHttpHandler()) { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Starts it.</summary>
    /// <param name="rules">A file with alerts.</param>
    /// <param name="jobs">What it reads, as its configuration has it.</param>
    public static async Task<PrometheusProcess> StartAsync(string rules, string jobs)
    {
        var folder = Directory.CreateTempSubdirectory("pollard-prometheus-");
        var file = Path.Combine(folder.FullName, "prometheus.yml");
        await File.WriteAllTextAsync(
            file,
            $"global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [{rules}]\nscrape_configs:\n{jobs}\n",
            Token
        );
        var port = PollardProcess.FreePort();
        var process = PollardProcess.StartProgram(
            [
                "prometheus",
                $"--config.file={file}",
                $"--storage.tsdb.path={Path.Combine(folder.FullName, "data")}",
                string.Create(CultureInfo.InvariantCulture, $"--web.listen-address=127.0.0.1:{port}"),
            ],
            folder.FullName
        );
        var prometheus = new PrometheusProcess(folder, process, port);
        await prometheus._process.UntilAsync(prometheus.IsReadyAsync, "Prometheus is ready");
        return prometheus;
    }

    /// <summary>What an expression comes to now.</summary>
    public async Task<IReadOnlyList<JsonElement>> QueryAsync(string expression)
    {
        var answer = await GetAsync($"/api/v1/query?query={Uri.EscapeDataString(expression)}");
        Assert.True(answer.GetProperty("status").GetString() == "success", $"{expression}: {answer}");
        return [.. answer.GetProperty("data").GetProperty("result").EnumerateArray()];
    }

    /// <summary>Waits until an expression comes to something.</summary>
    public Task UntilAsync(string expression) =>
        _process.UntilAsync(async _ => (await QueryAsync(expression)).Count > 0, expression);

    /// <summary>The alerts, with what it thinks of each.</summary>
    public async Task<IReadOnlyList<JsonElement>> RulesAsync()
    {
        var answer = await GetAsync("/api/v1/rules");
        return
        [
            .. answer
                .GetProperty("data")
                .GetProperty("groups")
                .EnumerateArray()
                .SelectMany(static group => group.GetProperty("rules").EnumerateArray()),
        ];
    }

    /// <summary>Waits until an alert is so: inactive, pending or firing.</summary>
    public Task UntilAlertAsync(string name, string state) =>
        _process.UntilAsync(
            async _ =>
                (await RulesAsync()).Any(rule =>
                    rule.GetProperty("name").GetString() == name && rule.GetProperty("state").GetString() == state
                ),
            $"{name} is {state}"
        );

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        _http.Dispose();
        _folder.Delete(recursive: true);
    }

    private async Task<bool> IsReadyAsync(CancellationToken ct)
    {
        try
        {
            using var answer = await _http.GetAsync("/-/ready", ct);
            return answer.StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false; // It is not there yet.
        }
    }

    private async Task<JsonElement> GetAsync(string path)
    {
        using var answer = await _http.GetAsync(path, Token);
        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Token));
        return json.RootElement.Clone();
    }
}
