namespace Pollard.Voice.Stages;

/// <summary>Where numbers begin that rise in a call, so that a process that is started anew in it goes on with higher ones.</summary>
internal static class FirstNumber
{
    private const int Milliseconds = 10;

    /// <summary>Of what happens less than a hundred times a second. They begin anew after 497 days, which no call lasts.</summary>
    public static uint Of(TimeProvider time) =>
        unchecked((uint)(time.GetUtcNow().ToUnixTimeMilliseconds() / Milliseconds));
}
