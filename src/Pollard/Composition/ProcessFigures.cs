using Pollard.Commands;
using Pollard.Configuration;
using Pollard.Gateway.Observability;

namespace Pollard.Composition;

/// <summary>The figures of a process that has no other door, where somebody wants them.</summary>
internal sealed class ProcessFigures : IAsyncDisposable
{
    private readonly Telemetry? _telemetry;
    private readonly MetricsServer? _server;

    private ProcessFigures(Telemetry? telemetry, MetricsServer? server) => (_telemetry, _server) = (telemetry, server);

    /// <summary>Begins to count, where figures are shown or sent.</summary>
    /// <param name="context">The command.</param>
    /// <param name="service">What the process is.</param>
    /// <param name="ct">Gives up the start.</param>
    /// <exception cref="UsageException">A setting is wrong.</exception>
    /// <exception cref="CommandFailedException">The address is taken.</exception>
    public static async Task<ProcessFigures> StartAsync(CommandContext context, string service, CancellationToken ct)
    {
        var options = TelemetrySettings.Read(context.Settings, service);
        var at = TelemetrySettings.ReadMetrics(context.Settings);
        if (at is null && options.Collector is null)
        {
            return new ProcessFigures(null, null);
        }

        var telemetry = Telemetry.Start(options);
        try
        {
            var server = at is null ? null : await MetricsServer.StartAsync(at, telemetry, ct);
            if (server is not null)
            {
                context.Print.Hint($"Figures at {server.Address}metrics");
            }

            return new ProcessFigures(telemetry, server);
        }
        catch (IOException e)
        {
            telemetry.Dispose();
            throw new CommandFailedException(
                $"{e.Message.TrimEnd('.')}. Choose another address with {TelemetrySettings.Metrics.Name}.",
                e
            );
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        _telemetry?.Dispose(); // What was not sent yet is.
    }
}
