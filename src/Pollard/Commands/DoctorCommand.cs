using System.CommandLine;
using System.Runtime.InteropServices;
using Pollard.Configuration;
using Pollard.Doctor;
using Pollard.Output;

namespace Pollard.Commands;

/// <summary><c>pollard doctor</c>: what is well, what is not, and what to do about it.</summary>
internal static class DoctorCommand
{
    private static readonly Option<bool> Full = CommonOptions.CallSwitch(
        "--full",
        "Look at all that the store keeps, not at a sample, however long it takes"
    );

    public static Command Build(Shell shell) =>
        new Command(
            "doctor",
            "Checks configuration, disk, store, gateway, host link and model servers, and says what to do"
        )
            .With(
                Full,
                BackendSettings.Ollama,
                BackendSettings.OpenAi,
                BackendSettings.OpenAiKeyFile,
                BackendSettings.Upstream,
                BackendSettings.UpstreamKeyFile
            )
            .WithGateway()
            .Does(shell, RunAsync);

    private static async Task<int> RunAsync(CommandContext context, CancellationToken ct)
    {
        var results = await CheckAsync(context, ct);
        if (context.Print.Json)
        {
            context.Print.JsonLine(results, Printer.Own.IReadOnlyListCheckResult);
        }
        else
        {
            context.Print.Table(
                ["", "CHECK", "FOUND"],
                results.Select(result => (string[])[result.State, result.Name, result.Found])
            );
            PrintAdvice(context.Print, results);
        }

        return results.Any(result => result.State == "fail") ? ExitCode.Failed : ExitCode.Ok;
    }

    private static async Task<IReadOnlyList<CheckResult>> CheckAsync(CommandContext context, CancellationToken ct)
    {
        var settings = context.Settings;
        using var http = context.Shell.CreateHttpClient();
        var network = new NetworkChecks(http, context.Shell.Time);
        var gateway = settings.Address(CommonOptions.Gateway) ?? new Uri(Defaults.Gateway);
        var ollama = settings.Address(BackendSettings.Ollama);
        using var status = new StatusLine(context.Shell);
        List<CheckResult> results =
        [
            Program(),
            CheckResult.Ok("configuration", settings.ConfigPath ?? "no file; defaults, flags and POLLARD_* hold"),
        ];
        status.Show("Checking the disk");
        results.AddRange(DiskChecks.Run(settings.DataPath, context.Shell.Time));
        status.Show("Checking the store");
        results.AddRange(StoreChecks.Run(settings.DataPath, settings.IsOn(Full), context.Shell.Time, ct));
        status.Show("Checking the gateway and the ways to it");
        results.AddRange(await network.GatewayAsync(gateway, settings.Secret(CommonOptions.KeyFile), ct));
        results.AddRange(await new LinkChecks(http, context.Shell.Time).RunAsync(gateway, ct));
        status.Show("Checking model servers");
        results.Add(await network.OllamaAsync(ollama ?? new Uri(Defaults.Ollama), ollama is not null, ct));
        foreach (var server in settings.Addresses(BackendSettings.OpenAi))
        {
            var key = settings.Secret(BackendSettings.OpenAiKeyFile);
            results.Add(await network.OpenAiAsync("openai", server, key, ct));
        }

        if (settings.Address(BackendSettings.Upstream) is { } upstream)
        {
            var key = settings.Secret(BackendSettings.UpstreamKeyFile);
            results.Add(await network.OpenAiAsync("upstream", upstream, key, ct));
        }

        return results;
    }

    private static CheckResult Program() =>
        CheckResult.Ok(
            "program",
            $"pollard {ProgramVersion.Text}, {RuntimeInformation.FrameworkDescription}, {RuntimeInformation.OSDescription.Trim()}, {Environment.ProcessorCount} processors"
        );

    private static void PrintAdvice(Printer print, IReadOnlyList<CheckResult> results)
    {
        foreach (var result in results.Where(result => result.Advice is not null))
        {
            print.Line();
            print.Line($"{result.State}: {result.Name}: {result.Found}");
            print.Line($"      {result.Advice}");
        }
    }
}
