using Pollard.Protocol;
using Pollard.Tasks.Dispatch;

namespace Pollard.Tasks.Tests.Support;

/// <summary>An answer that a host has begun, and what becomes of its hosts.</summary>
internal static class BegunAnswer
{
    private static readonly TimeSpan Lost = TimeSpan.FromSeconds(1); // Longer than a link may be away while a client waits.

    public static async Task<(TaskHandle Task, Attempt Attempt, TestHost Host)> BegunAsync(
        TestEngine gateway,
        LostOutput lost = LostOutput.Fail,
        Durability durability = Durability.Relaxed,
        Continuations allowed = Continuations.Prefill,
        string? digest = null
    )
    {
        var host = TestHost.That(gateway.Engine, "first", digest, ModelInfo.Prefill).Ready();
        var task = await gateway.SubmitAsync(
            durability: durability,
            with: task => task with { Stream = true, LostOutput = lost, Continuations = allowed }
        );
        return (task, await host.UntilWorkAsync(), host);
    }

    public static TestHost Able(TestEngine gateway, string id) =>
        TestHost.That(gateway.Engine, id, null, ModelInfo.Prefill).Ready();

    public static void Lose(TestEngine gateway, TestHost host)
    {
        host.Connection.Disconnect();
        gateway.Clock.Advance(Lost);
    }

    public static void Pass(TestEngine gateway, TimeSpan time, params TestHost[] present)
    {
        for (var passed = TimeSpan.Zero; passed < time; passed += TimeSpan.FromSeconds(2))
        {
            gateway.Clock.Advance(TimeSpan.FromSeconds(2));
            foreach (var host in present)
            {
                host.Connection.Touch();
            }
        }
    }
}
