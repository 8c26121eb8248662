using System.Diagnostics.Metrics;
using Pollard.Tasks;

namespace Pollard.Gateway.Hosts;

/// <summary>Shows how many hosts there are, and what of them is free, each time that it is asked.</summary>
internal sealed class HostFigures : IDisposable
{
    private readonly Meter _meter = new("Pollard.Gateway");

    public HostFigures(HostViews views, TaskEngine engine)
    {
        _meter.CreateObservableGauge(
            "pollard.hosts",
            () => Hosts(views),
            "{host}",
            "Hosts that are enrolled or connected."
        );
        _meter.CreateObservableGauge(
            "pollard.host.slots",
            () => Slots(engine),
            "{slot}",
            "Tasks that connected hosts can run at the same time."
        );
        _meter.CreateObservableGauge(
            "pollard.host.running",
            () => Running(engine),
            "{task}",
            "Tasks that connected hosts have."
        );
    }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private static IEnumerable<Measurement<int>> Hosts(HostViews views) =>
        views
            .Count()
            .Select(static same => new Measurement<int>(
                same.Value,
                new("state", same.Key.State),
                new("carrier", same.Key.Carrier ?? "none"),
                new("tier", same.Key.Tier)
            ));

    private static int Slots(TaskEngine engine) => engine.Hosts.List().Sum(static host => host.Description.Slots);

    private static int Running(TaskEngine engine) => engine.Hosts.List().Sum(static host => host.Running);
}
