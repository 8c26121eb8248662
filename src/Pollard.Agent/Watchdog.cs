using System.Collections.Concurrent;

namespace Pollard.Agent;

/// <summary>
/// Notices a loop that stands still. Each loop says by when it will be heard of again; one that is a minute late is stuck, and
/// only a new process helps: <paramref name="stuck"/> tells whoever can end this one.
/// </summary>
internal sealed class Watchdog(TimeProvider time, Action<string> stuck) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(10);
    private readonly ConcurrentDictionary<string, (long Since, TimeSpan Within)> _loops = new(StringComparer.Ordinal);
    private ITimer? _timer;

    /// <summary>Begins to look.</summary>
    public void Start() => _timer = time.CreateTimer(static dog => ((Watchdog)dog!).Look(), this, LookEvery, LookEvery);

    /// <summary>The loop of this name lives, and will be heard of again within this time.</summary>
    public void Expect(string loop, TimeSpan within) => _loops[loop] = (time.GetTimestamp(), within);

    /// <summary>The loop of this name has ended as it should.</summary>
    public void Forget(string loop) => _loops.TryRemove(loop, out _);

    /// <inheritdoc/>
    public void Dispose() => _timer?.Dispose();

    private void Look()
    {
        foreach (var (loop, (since, within)) in _loops)
        {
            if (time.GetElapsedTime(since) > within + Patience)
            {
                stuck(loop);
            }
        }
    }
}
