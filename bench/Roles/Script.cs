using System.Diagnostics;
using System.Globalization;

namespace Pollard.Bench.Roles;

/// <summary>
/// What a stand-in for a model says, by the model's name: the same through every way that is compared. Each token of a stream
/// carries the moment of its making, so that whoever reads it knows how long it took.
/// </summary>
internal static class Script
{
    /// <summary>A whole answer of 1,000 bytes, at once.</summary>
    public const string Echo = "bench-echo";

    /// <summary>The moment when the work began, as the only token.</summary>
    public const string Clock = "bench-clock";

    /// <summary>The moment when the work ended, as the only token, after <see cref="SlowTime"/>.</summary>
    public const string Slow = "bench-slow";

    /// <summary>Tokens, one each 20 ms.</summary>
    public const string Paced = "bench-paced";

    /// <summary>Tokens, as fast as they go.</summary>
    public const string Burst = "bench-burst";

    /// <summary>One token, then nothing until it is cancelled.</summary>
    public const string Endless = "bench-endless";

    /// <summary>All of them.</summary>
    public static string[] Models { get; } = [Echo, Clock, Slow, Paced, Burst, Endless];

    /// <summary>How long the work of <see cref="Slow"/> takes.</summary>
    public static TimeSpan SlowTime { get; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The pace of <see cref="Paced"/>.</summary>
    public static TimeSpan Gap { get; } = TimeSpan.FromMilliseconds(20);

    /// <summary>The answer of <see cref="Echo"/>.</summary>
    public static string Answer { get; } = string.Concat(Enumerable.Repeat("All work is done. ", 56))[..1_000];

    /// <summary>A token made now.</summary>
    public static string Token() => string.Create(CultureInfo.InvariantCulture, $"~{Stopwatch.GetTimestamp():D18}~");

    /// <summary>The tokens of an answer, at their pace.</summary>
    public static async IAsyncEnumerable<string> TokensAsync(
        string model,
        int count,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct
    )
    {
        switch (model)
        {
            case Echo:
                yield return Answer;
                break;
            case Clock:
                yield return Token();
                break;
            case Slow:
                await Task.Delay(SlowTime, ct);
                yield return Token();
                break;
            case Endless:
                yield return Token();
                await Task.Delay(Timeout.Infinite, ct);
                break;
            default:
                using (var pace = new PeriodicTimer(Gap))
                {
                    for (var at = 0; at < count; at++)
                    {
                        if (at > 0 && model == Paced)
                        {
                            await pace.WaitForNextTickAsync(ct);
                        }

                        yield return Token();
                    }
                }

                break;
        }
    }
}
