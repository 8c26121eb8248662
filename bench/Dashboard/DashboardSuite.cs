using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Pollard.Bench.Load;
using Pollard.Bench.Machine;

namespace Pollard.Bench.Dashboard;

/// <summary>
/// What the dashboard costs a browser, with many hosts and tasks and some new ones each second: Chromium loads and shows it, with the client
/// libraries that the end-to-end tests have installed.
/// </summary>
internal static class DashboardSuite
{
    private const int Batch = 1_000;
    private static readonly TimeSpan BetweenTasks = TimeSpan.FromMilliseconds(250);

    public static async Task<IReadOnlyList<BenchResult>> RunAsync(BenchArguments arguments)
    {
        var script = FindScript();
        var (tasks, hosts) = (arguments.Number("tasks", 10_000), arguments.Number("hosts", 500));
        await using var gateway = await RunningGateway.StartAsync();
        await using var pool = await Way.StartRoleAsync(
            "hosts",
            ("gateway", gateway.Url),
            ("count", hosts),
            ("slots", 1)
        );
        await gateway.UntilHostsAsync(hosts);
        for (var sent = 0; sent < tasks; sent += Batch)
        {
            await SubmitAsync(gateway, Math.Min(Batch, tasks - sent));
        }

        using var over = new CancellationTokenSource();
        var adding = AddAsync(gateway, over.Token);
        try
        {
            var about = string.Create(CultureInfo.InvariantCulture, $"{tasks:N0} tasks, {hosts} hosts");
            return [.. (await MeasureAsync(script, gateway.Url)).Select(figures => Result(figures, about))];
        }
        finally
        {
            await over.CancelAsync();
            await adding;
        }
    }

    private static string FindScript()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Pollard.slnx")))
        {
            folder = folder.Parent;
        }

        var clients = Path.Combine(folder?.FullName ?? ".", "tests/Pollard.EndToEnd/clients");
        return Directory.Exists(Path.Combine(clients, "node_modules"))
            ? Path.Combine(clients, "dashboard-figures.mjs")
            : throw new UnfitException($"The client libraries are not installed: npm ci in {clients}.");
    }

    private static async Task SubmitAsync(RunningGateway gateway, int count)
    {
        var task =
            """{"kind":"chat","model":"bench-echo","request":{"messages":[{"role":"user","content":"Hello"}]}}""";
        var all = string.Join(',', Enumerable.Repeat(task, count));
        using var body = JsonContent.Create(JsonElement.Parse($$"""{"tasks":[{{all}}]}"""));
        using var reply = await gateway.Http.PostAsync(new Uri("/v1/tasks:batch", UriKind.Relative), body);
        reply.EnsureSuccessStatusCode();
    }

    private static async Task AddAsync(RunningGateway gateway, CancellationToken ct)
    {
        using var timer = new PeriodicTimer(BetweenTasks);
        try
        {
            while (await timer.WaitForNextTickAsync(ct))
            {
                await SubmitAsync(gateway, 1);
            }
        }
        catch (OperationCanceledException)
        {
            // All was measured.
        }
    }

    private static async Task<IReadOnlyList<JsonElement>> MeasureAsync(string script, string url)
    {
        var start = new ProcessStartInfo("node", [script, url])
        {
            WorkingDirectory = Path.GetDirectoryName(script),
            UseShellExecute = false,
            RedirectStandardOutput = true,
        };
        using var node = Process.Start(start) ?? throw new UnfitException("node is not installed.");
        List<JsonElement> figures = [];
        while (await node.StandardOutput.ReadLineAsync() is { } line)
        {
            figures.Add(JsonElement.Parse(line));
        }

        await node.WaitForExitAsync();
        return node.ExitCode == 0
            ? figures
            : throw new InvalidOperationException("The browser could not be driven; the reason is above.");
    }

    private static BenchResult Result(JsonElement figures, string about)
    {
        var name = $"dashboard, {figures.GetProperty("name").GetString()}";
        if (figures.TryGetProperty("ms", out var loads))
        {
            List<double> ms = [.. loads.EnumerateArray().Select(static load => load.GetDouble()).Order()];
            var (bytes, files) = (figures.GetProperty("bytes").GetInt64(), figures.GetProperty("files").GetInt32());
            var size = string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:N0} KB in {files} files; {about}");
            return new BenchResult(name, "loads", 0, ms[ms.Count / 2], ms[^1], ms[^1], 0, 0, size);
        }

        var note = string.Create(
            CultureInfo.InvariantCulture,
            $"{Number("core"):0.0%} of a core, our script {Number("script"):0.0%}, heap {Number("heap") / 1e6:N0} MB, {Number("rows"):0} rows; {about}"
        );
        return new BenchResult(name, "seconds", 1, 0, 0, 0, Number("core") * 1e6, 0, note);

        double Number(string member) => figures.GetProperty(member).GetDouble();
    }
}
