using Microsoft.Extensions.Time.Testing;

namespace Pollard.Agent.Tests.TaskServers;

/// <summary>A clock that is turned while real sockets take their own time.</summary>
internal static class ClockTurning
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(500);

    /// <summary>Turns the clock, a little at a time, until something has happened.</summary>
    public static async Task<T> TurnUntilAsync<T>(this FakeTimeProvider clock, Task<T> happened, TimeSpan? step = null)
    {
        while (!happened.IsCompleted)
        {
            var breath = Task.Delay(
                TimeSpan.FromMilliseconds(5),
                TimeProvider.System,
                TestContext.Current.CancellationToken
            );
            if (await Task.WhenAny(happened, breath) == breath)
            {
                await breath;
                clock.Advance(step ?? Step);
            }
        }

        return await happened;
    }
}
