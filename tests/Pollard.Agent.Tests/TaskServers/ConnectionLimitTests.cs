using CsCheck;
using Pollard.Agent.Pipeline;

namespace Pollard.Agent.Tests.TaskServers;

/// <summary>One place counts the requests to a server, and none of them starves the others.</summary>
public sealed class ConnectionLimitTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_question_that_is_held_leaves_a_place_for_results()
    {
        using var limit = new ConnectionLimit(2);
        var held = NewSignal();
        var question = limit.AskAsync((_, _) => held.Task, Token);

        var brought = await limit
            .BringAsync(_ => Task.FromResult(true), Token)
            .WaitAsync(TimeSpan.FromSeconds(60), Token);

        Assert.True(brought);
        Assert.False(question.IsCompleted);
        held.SetResult(true);
        await question;
    }

    [Fact]
    public async Task A_second_question_waits_for_the_first_however_many_places_there_are()
    {
        using var limit = new ConnectionLimit(3);
        var held = NewSignal();
        var first = limit.AskAsync((_, _) => held.Task, Token);

        var second = limit.AskAsync((_, _) => Task.FromResult(true), Token);

        Assert.False(second.IsCompleted);
        held.SetResult(true);
        Assert.True(await first && await second);
    }

    [Fact]
    public async Task The_only_place_is_wanted_back_when_a_result_waits()
    {
        using var limit = new ConnectionLimit(1);
        var question = limit.AskAsync(UntilWantedBackAsync, Token);

        var brought = await limit
            .BringAsync(_ => Task.FromResult(true), Token)
            .WaitAsync(TimeSpan.FromSeconds(60), Token);

        Assert.True(brought);
        Assert.False(await question); // It was given up.
    }

    [Fact]
    public async Task A_question_that_begins_while_a_result_waits_for_the_only_place_gives_it_up_at_once()
    {
        using var limit = new ConnectionLimit(1);
        var first = NewSignal();
        var bringing = limit.BringAsync(_ => first.Task, Token);
        var question = limit.AskAsync(UntilWantedBackAsync, Token);
        var second = limit.BringAsync(_ => Task.FromResult(true), Token);

        first.SetResult(true);

        Assert.True(await bringing && await second);
        Assert.False(await question);
    }

    [Fact]
    public async Task Whoever_asks_no_more_gives_up_what_is_held()
    {
        using var limit = new ConnectionLimit(2);
        var question = limit.AskAsync(UntilWantedBackAsync, Token);

        limit.AskNoMore();

        Assert.False(await question);
        Assert.False(await limit.AskAsync(UntilWantedBackAsync, Token));
    }

    [Fact]
    public Task There_are_never_more_than_there_may_be_and_all_get_their_turn() =>
        Gen.Select(Gen.Int[1, 4], Gen.Bool.Array[1, 60])
            .SampleAsync(
                async (most, requests) =>
                {
                    using var limit = new ConnectionLimit(most);
                    var (open, worst) = (0, 0);
                    async Task<bool> SendAsync(CancellationToken ct)
                    {
                        worst = Math.Max(worst, Interlocked.Increment(ref open));
                        await Task.Yield();
                        Interlocked.Decrement(ref open);
                        return true;
                    }

                    var done = await Task.WhenAll(
                        requests.Select(isQuestion =>
                            isQuestion
                                ? limit.AskAsync((_, ct) => SendAsync(ct), Token)
                                : limit.BringAsync(SendAsync, Token)
                        )
                    );

                    Assert.True(worst <= most, $"{worst} requests were open, and {most} may be.");
                    Assert.Equal((requests.Length, 0, 0), (done.Length, limit.Open, limit.Questions));
                },
                iter: 200
            );

    private static async Task<bool> UntilWantedBackAsync(CancellationToken wantedBack, CancellationToken ct)
    {
        var signal = NewSignal();
        await using var registration = wantedBack.Register(() => signal.TrySetResult(false));
        return await signal.Task.WaitAsync(TimeSpan.FromSeconds(60), ct);
    }

    private static TaskCompletionSource<bool> NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
