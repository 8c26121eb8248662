using Pollard.Tasks.Storage;
using Pollard.Tasks.Tests.Support;

namespace Pollard.Tasks.Tests;

/// <summary>How long ended tasks are kept, and how many.</summary>
public sealed class RetentionTests
{
    private static readonly TimeSpan Round = TimeSpan.FromMinutes(1) + TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Only_so_many_are_kept_and_the_oldest_go_first()
    {
        await using var world = await EndedAsync(new TaskEngineOptions { MostEndedTasks = 2 }, 5);

        var kept = await UntilAsync(world, 2);

        Assert.Equal(["m3", "m4"], kept.Select(row => row.Model).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_oldest_go_when_the_store_grows_too_large()
    {
        await using var world = await EndedAsync(new TaskEngineOptions { MostStoreBytes = 1, PurgeSlice = 2 }, 5);

        Assert.Empty(await UntilAsync(world, 0));
    }

    [Fact]
    public async Task A_kind_of_work_may_be_kept_for_another_time()
    {
        var options = new TaskEngineOptions
        {
            RetentionByKind = new Dictionary<string, TimeSpan>(StringComparer.Ordinal)
            {
                ["short"] = TimeSpan.FromSeconds(30),
            },
        };
        await using var world = await EndedAsync(options, 2, number => number == 0 ? "short" : "chat");

        var kept = await UntilAsync(world, 1);

        Assert.Equal("chat", kept.Single().Kind);
    }

    private static async Task<TestEngine> EndedAsync(
        TaskEngineOptions options,
        int tasks,
        Func<int, string>? kind = null
    )
    {
        var world = await TestEngine.StartAsync(options: options);
        for (var i = 0; i < tasks; i++)
        {
            var number = i;
            var task = await world.SubmitAsync(
                $"m{i}",
                durability: Durability.Full,
                with: task => task with { Kind = kind?.Invoke(number) ?? task.Kind }
            );
            await world.Engine.CancelAsync(task, "enough", TestContext.Current.CancellationToken);
            world.Clock.Advance(TimeSpan.FromSeconds(1));
        }

        return world;
    }

    // The loop works on another thread: each look turns the clock to its next round.
    private static async Task<IReadOnlyList<TaskRow>> UntilAsync(TestEngine world, int count)
    {
        while (true)
        {
            var rows = (await world.Store.ListAsync(new TaskQuery(), TestContext.Current.CancellationToken)).Rows;
            if (rows.Count <= count)
            {
                return rows;
            }

            world.Clock.Advance(Round);
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }
}
