using Pollard.Agent.Owner;
using Pollard.Output;

namespace Pollard.Tests.Commands;

/// <summary>What an owner reads of the running agent.</summary>
public sealed class AgentViewTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 28, 12, 0, 0, TimeSpan.Zero);
    private readonly Microsoft.Extensions.Time.Testing.FakeTimeProvider _time = new(Now);

    private AgentStatus Status { get; } =
        new()
        {
            Name = "box",
            Gateway = "https://gateway.example.com",
            State = "working",
            Carrier = "h2",
            LinkedAt = Now - TimeSpan.FromSeconds(190),
            StartedAt = Now - TimeSpan.FromHours(1),
            Slots = 4,
            Models = ["llama3", "qwen3:8b"],
            ExcludedModels = ["phi4"],
            Running = [new AgentAttempt("task_1", "chat", "llama3", Now - TimeSpan.FromSeconds(4), 120, 30)],
            Today = new AgentDay(12, 1, 3402),
            Problems = [new AgentProblem(Now - TimeSpan.FromMinutes(2), "task_0: it broke")],
        };

    [Fact]
    public void It_says_all_that_an_owner_asks()
    {
        var text = string.Join('\n', AgentStatusText.Lines(Status, _time));

        Assert.Equal(
            """
            state       working
            gateway     https://gateway.example.com by h2 for 3m10s
            models      llama3, qwen3:8b
            not served  phi4 (the join token is for other models)
            today       12 done, 1 failed, 3402 tokens
            running     1 of 4
                        task_1  llama3  4s  ~120 tokens, 30/s
            problem     2m00s ago: task_0: it broke
            """.ReplaceLineEndings("\n"),
            text
        );
    }

    [Fact]
    public void A_rest_says_until_when_and_why_and_idleness_why()
    {
        var resting = Status with
        {
            State = "paused",
            Rest = new AgentRest(AgentRest.Paused, "it is paused by its owner", Now.AddHours(2)),
        };
        var idle = Status with { Running = [], State = "idle", WhyIdle = "tasks wait, but not for it" };

        Assert.Equal(
            "paused, until Sat 2026-11-28 14:00: it is paused by its owner; finishes what runs",
            AgentStatusText.State(resting, _time)
        );
        Assert.Contains("no work     tasks wait, but not for it", AgentStatusText.Lines(idle, _time));
    }
}
