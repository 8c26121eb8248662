namespace Pollard.Simulation.Trust;

/// <summary>Ways in which hosts answer.</summary>
internal static class Conduct
{
    private const double FaultsOfHonest = 0.01;
    private const double FaultsOfBroken = 0.5;
    private const double CanariesMissed = 0.35;

    /// <summary>What the model says; once in a hundred times something else came of it.</summary>
    public static string Honest(Question asked, Random random) => Sometimes(FaultsOfHonest)(asked, random);

    /// <summary>Every second answer is empty or says the same for ever.</summary>
    public static string Broken(Question asked, Random random) =>
        random.NextDouble() >= FaultsOfBroken ? asked.Right
        : random.Next(2) == 0 ? ""
        : string.Concat(Enumerable.Repeat("and then ", 100));

    /// <summary>A smaller model than the host says that it has: it says other things, and cannot always do what it is told.</summary>
    public static string Smaller(Question asked, Random random) =>
        asked.IsCanary && random.NextDouble() >= CanariesMissed ? asked.Right : asked.Other;

    /// <summary>This share of its answers has nothing to do with what was asked.</summary>
    public static Func<Question, Random, string> Sometimes(double share) =>
        (asked, random) => random.NextDouble() < share ? Question.Rubbish(random) : asked.Right;
}
