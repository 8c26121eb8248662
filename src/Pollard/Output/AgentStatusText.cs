using System.Globalization;
using Pollard.Agent.Owner;
using Pollard.Configuration;

namespace Pollard.Output;

/// <summary>What an agent is doing, in words.</summary>
internal static class AgentStatusText
{
    private const int MostModels = 12;

    /// <summary>All of it, a fact a line.</summary>
    public static IEnumerable<string> Lines(AgentStatus status, TimeProvider time)
    {
        var now = time.GetUtcNow();
        yield return Field("state", State(status, time));
        yield return Field("gateway", Gateway(status, now));
        if (status.WhyIdle is { } why)
        {
            yield return Field("no work", why);
        }

        yield return Field("models", Models(status.Models));
        if (status.ExcludedModels.Count > 0)
        {
            yield return Field("not served", $"{Models(status.ExcludedModels)} (the join token is for other models)");
        }

        yield return Field("today", Today(status.Today));
        if (status.Tasks is { } tasks)
        {
            yield return Field("tasks", Counts(tasks));
            yield return Field("to run", Stage(tasks.Process));
            yield return Field("to deliver", Stage(tasks.Deliver));
        }

        yield return Field("running", Number(status.Running.Count) + " of " + Number(status.Slots));
        foreach (var attempt in status.Running)
        {
            yield return Field("", Attempt(attempt, now));
        }

        foreach (var problem in status.Problems)
        {
            yield return Field("problem", $"{Durations.Format(now - problem.At)} ago: {problem.Message}");
        }
    }

    /// <summary>The state, and until when.</summary>
    public static string State(AgentStatus status, TimeProvider time)
    {
        if (status.Rest is not { } rest)
        {
            return status.State;
        }

        var until = rest.Until is { } moment ? $", until {Local(moment, time)}" : "";
        var state = status.State == "paused" ? "paused" : $"{status.State}, paused";
        return $"{state}{until}: {rest.Reason}{(status.Running.Count > 0 ? "; finishes what runs" : "")}";
    }

    /// <summary>Where it is linked, by what and since when.</summary>
    public static string Gateway(AgentStatus status, DateTimeOffset now) =>
        $"{status.Gateway ?? "in this process"} "
        + (
            status is { Carrier: { } carrier, LinkedAt: { } at }
                ? $"by {carrier} for {Durations.Format(now - at)}"
                : "is not reached; the agent tries again and again"
        );

    /// <summary>One attempt.</summary>
    public static string Attempt(AgentAttempt attempt, DateTimeOffset now) =>
        $"{attempt.Task}  {attempt.Model}  {Durations.Format(now - attempt.BeganAt)}  ~{Number(attempt.Tokens)} tokens"
        + (attempt.TokensPerSecond is { } rate ? $", {rate.ToString("0.#", CultureInfo.InvariantCulture)}/s" : "");

    /// <summary>What was done today.</summary>
    public static string Today(AgentDay today) =>
        $"{Number(today.Finished)} done, {Number(today.Failed)} failed, {Number(today.Tokens)} tokens";

    /// <summary>What has passed a task server's pipeline.</summary>
    public static string Counts(AgentTasks tasks) =>
        $"{Number(tasks.Fetched)} fetched, {Number(tasks.Processed)} processed, {Number(tasks.Failed)} failed, "
        + $"{Number(tasks.Delivered)} delivered, {Number(tasks.Dropped)} dropped";

    /// <summary>One stage of it.</summary>
    public static string Stage(AgentStage stage) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{stage.Depth} wait, {stage.PerSecond:0.##}/s after {stage.WaitSeconds:0.###} s each"
        );

    /// <summary>Names of models, the first of them.</summary>
    public static string Models(IReadOnlyList<string> models) =>
        models.Count == 0
            ? "none"
            : string.Join(", ", models.Take(MostModels))
                + (models.Count > MostModels ? $" and {Number(models.Count - MostModels)} more" : "");

    // An owner thinks in the machine's own time.
    private static string Local(DateTimeOffset moment, TimeProvider time) =>
        TimeZoneInfo
            .ConvertTime(moment, time.LocalTimeZone)
            .ToString("ddd yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);

    private static string Field(string name, string value) => $"{name, -11} {value}";

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
