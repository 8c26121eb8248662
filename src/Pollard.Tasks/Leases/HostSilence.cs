using Pollard.Tasks.Dispatch;

namespace Pollard.Tasks.Leases;

/// <summary>A host's lease on all that it has: any word of it renews the lease, silence ends it.</summary>
internal sealed class HostSilence(EngineCore core, DispatchHost host) : WheelTimer
{
    internal override void Fire()
    {
        var left = host.SilenceLeft;
        if (left > TimeSpan.Zero)
        {
            // Not later than this, whatever is left: an idle host may get work meanwhile, and then its time is short.
            var most = host.Description.Silence;
            core.Wheel.Set(this, left < most ? left : most);
            return;
        }

        using var change = core.Begin();
        if (!host.IsGone)
        {
            core.Hosts.Leave(host, resumable: true, "silent", change.Effects);
            change.Effects.Close(
                host.Sink,
                "silence",
                $"nothing was heard of the host for {host.SilentFor.TotalSeconds:0} seconds"
            );
        }
    }
}
