using Pollard.Tasks.Dispatch;

namespace Pollard.Tasks.Leases;

/// <summary>A host's lease on all that it has: any word of it renews the lease, silence ends it.</summary>
internal sealed class HostSilence(EngineCore core, DispatchHost host) : WheelTimer
{
    internal override void Fire()
    {
        var left = host.Description.Silence - host.SilentFor;
        if (left > TimeSpan.Zero)
        {
            core.Wheel.Set(this, left);
            return;
        }

        using var change = core.Begin();
        if (!host.IsGone)
        {
            core.Hosts.Leave(host, resumable: true, change.Effects);
            change.Effects.Close(
                host.Sink,
                "silence",
                $"nothing was heard of the host for {host.Description.Silence.TotalSeconds:0} seconds"
            );
        }
    }
}
