using System.CommandLine;
using Microsoft.Extensions.Logging;
using Pollard.Composition;
using Pollard.Configuration;

namespace Pollard.Commands;

/// <summary><c>pollard serve</c>: the gateway alone.</summary>
internal static class ServeCommand
{
    public static Command Build(Shell shell) =>
        new Command("serve", "The gateway alone; hosts link to it with pollard agent")
            .With(GatewaySettings.All)
            .With(BackendSettings.OfUpstream)
            .With(TelemetrySettings.Otlp, CommonOptions.LogLevel, CommonOptions.LogFormat, CommonOptions.Json)
            .WithConfiguration()
            .Does(shell, RunAsync);

    private static async Task<int> RunAsync(CommandContext context, CancellationToken ct)
    {
        var (settings, time) = (context.Settings, context.Shell.Time);
        var logging = LogSettings.Read(settings);
        using var loggers = LoggerFactory.Create(logging);
        await using var backends = new Backends(settings, time, loggers);
        var upstream = backends.Upstream();
        await using var gateway = await RunningGateway.StartAsync(settings, [], logging, loggers, time, ct);
        await using var agents = new LocalAgents(gateway, settings, time, loggers);
        if (upstream is not null)
        {
            agents.StartUpstream(upstream, BackendSettings.ReadUpstreamSlots(settings));
        }

        var greeting = new Greeting(context, gateway);
        greeting.Ready();
        ServiceNotice.Ready(context.Shell.Environment, $"answers at {greeting.Url}", ct);
        if (!context.Print.Json)
        {
            greeting.HowToJoin();
        }

        await ct.UntilCancelledAsync();
        context.Print.Hint("Finishing what runs; Ctrl-C again ends at once.");
        return ExitCode.Ok;
    }
}
