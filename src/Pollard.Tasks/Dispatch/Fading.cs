namespace Pollard.Tasks.Dispatch;

/// <summary>A sum that fades: half of it is left after five minutes. Long beside one task, short beside a day: nobody pays for yesterday.</summary>
/// <param name="Sum">What it was.</param>
/// <param name="At">When, on the monotonic clock.</param>
internal readonly record struct Fading(double Sum, long At)
{
    private const double HalfLifeSeconds = 300;

    public double Now(TimeProvider time) =>
        Sum <= 0 ? 0 : Sum * double.Exp2(-time.GetElapsedTime(At).TotalSeconds / HalfLifeSeconds);
}
