using Microsoft.Extensions.Time.Testing;

namespace Pollard.Testing;

/// <summary>A clock that a test turns, whose wall time can also be set like a computer's: timers and measured time know nothing of it.</summary>
public sealed class JumpingClock(DateTimeOffset start) : FakeTimeProvider(start)
{
    /// <summary>How far the wall clock is set off from the time that has really passed.</summary>
    public TimeSpan WallOffset { get; set; }

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + WallOffset;

    /// <inheritdoc/>
    public override long GetTimestamp() => base.GetUtcNow().Ticks; // The base reads the wall clock.
}
