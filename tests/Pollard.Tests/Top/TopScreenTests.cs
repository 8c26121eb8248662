using Pollard.Client;
using Pollard.Output;
using Pollard.Protocol.Api;
using Pollard.Top;

namespace Pollard.Tests.Top;

/// <summary>What the whole screen shows, and what keys do to it.</summary>
public sealed class TopScreenTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 5, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(40)]
    [InlineData(80)]
    [InlineData(200)]
    public void Every_line_is_as_wide_as_the_terminal_and_there_are_as_many_as_it_has(int columns)
    {
        foreach (var pane in Enumerable.Range(0, TopState.Panes.Length))
        {
            foreach (var mode in Enum.GetValues<TopMode>())
            {
                var state = new TopState { Pane = pane, Mode = mode };

                var lines = Draw(state, Pool("worker 木 🌳"), columns, rows: 12);

                Assert.Equal(12, lines.Count);
                Assert.All(lines, line => Assert.Equal(columns, Plain.Width(line)));
            }
        }
    }

    [Theory]
    [InlineData("\u001b[2J\u001b]0;owned\u0007")]
    [InlineData("a\r\nb\tc\0d\u009b31m")]
    [InlineData("\u202Eevil\u202C \u2066x\u2069 \u200F")]
    [InlineData("z\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301")]
    [InlineData("\ud800 half")]
    public void What_hosts_and_clients_are_called_cannot_play_with_the_terminal(string name)
    {
        foreach (var pane in Enumerable.Range(0, TopState.Panes.Length))
        {
            var lines = Draw(new TopState { Pane = pane }, Pool(name), 120, rows: 12);

            Assert.All(lines, line => Assert.Equal(120, Plain.Width(line)));
            Assert.DoesNotContain(lines, line => line.Any(char.IsControl));
            Assert.DoesNotContain(
                lines,
                line => line.IndexOfAny(['\u202E', '\u202C', '\u2066', '\u2069', '\u200F']) >= 0
            );
            Assert.DoesNotContain(lines, line => line.Contains("\u0301\u0301\u0301", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Charts_show_the_last_minutes_as_far_as_there_is_room()
    {
        var pool = Pool("attic") with
        {
            History = new(5, Now, [null, 0, 1, 2], [null, 0, 7, 14], [1, 1, 1, 1], [0, 0, 0, 0]),
        };

        Assert.StartsWith("tokens/s  ▁▅█", Draw(new TopState(), pool, 30, 12)[1], StringComparison.Ordinal);
        Assert.Contains("requests/s  ▁▅█", Draw(new TopState(), pool, 100, 12)[1], StringComparison.Ordinal);
        Assert.Contains("waiting ████", Draw(new TopState(), pool, 100, 12)[1], StringComparison.Ordinal);
        Assert.Equal("▂█", Sparkline.Draw([0, 0.1, 1, 0.5], 2));
    }

    [Theory]
    [InlineData(2, "enrolled")]
    [InlineData(3, "attic (online, 1 of 4 slots)")]
    public void Enter_opens_a_host_and_a_model(int pane, string seen)
    {
        var pool = Pool("attic") with { Hosts = [Pool("attic").Hosts[0] with { Models = [new() { Name = "attic" }] }] };
        var (state, _) = new TopState { Pane = pane }.Press(
            new ConsoleKeyInfo('\r', ConsoleKey.Enter, false, false, false),
            Table(new TopState { Pane = pane }, pool)
        );

        Assert.Contains(Draw(state, pool, 80, 30), line => line.Contains(seen, StringComparison.Ordinal));
        Assert.Null(state.OpenedTask);
    }

    [Fact]
    public void A_chosen_line_is_seen_with_and_without_colours()
    {
        Assert.Contains(
            Draw(new TopState(), Pool("attic"), 80, 12),
            line => line.StartsWith(">running", StringComparison.Ordinal)
        );
        Assert.Contains(
            Draw(new TopState(), Pool("attic"), 80, 12, hasColour: true),
            line => line.StartsWith("\e[7m>running", StringComparison.Ordinal)
        );
    }

    [Fact]
    public void What_was_chosen_stays_chosen_when_others_come_above_it()
    {
        var state = Press(new TopState { Pane = 1 }, Pool("attic"), 'j');
        Assert.Equal("t2", state.RowIn(TopTable.Tasks(Pool("attic"), Now))!.Id);

        var grown = Pool("attic") with { Newest = [Task("t0", "pending"), .. Pool("attic").Newest] };

        Assert.Equal("t2", state.RowIn(TopTable.Tasks(grown, Now))!.Id);
    }

    [Fact]
    public void A_list_longer_than_the_screen_follows_what_is_chosen()
    {
        var many = PoolPicture.Empty with
        {
            Newest = [.. Enumerable.Range(0, 100).Select(i => Task($"t{i:000}", "completed"))],
        };
        var state = new TopState { Pane = 1 };
        for (var i = 0; i < 150; i++)
        {
            state = Press(state, many, 'j');
        }

        Assert.Contains(
            Draw(state, many, 80, 12),
            line => line.StartsWith(">completed t099", StringComparison.Ordinal)
        );
    }

    [Theory]
    [InlineData("cn", nameof(TopWish.None))]
    [InlineData("cy", nameof(TopWish.Cancel))]
    [InlineData("r", nameof(TopWish.None))] // It runs.
    [InlineData("2jr", nameof(TopWish.Retry))]
    [InlineData("2jcy", nameof(TopWish.None))] // It has ended.
    [InlineData("3cy", nameof(TopWish.None))] // No task.
    [InlineData("q", nameof(TopWish.Quit))]
    public void Keys_ask_for_what_can_be_done(string keys, string expected)
    {
        var (state, wish) = (new TopState(), TopWish.None);
        foreach (var key in keys)
        {
            (state, wish) = state.Press(Key(key), Table(state, Pool("attic")));
        }

        Assert.Equal(expected, wish.ToString());
    }

    [Fact]
    public void A_filter_is_typed_shown_and_taken_away()
    {
        var state = "/t2".Aggregate(new TopState { Pane = 1 }, (state, key) => Press(state, Pool("attic"), key));

        Assert.Equal("t2", Assert.Single(TopTable.Tasks(Pool("attic"), Now).Filtered(state.Filter).Rows).Id);
        Assert.StartsWith("/t2_", Draw(state, Pool("attic"), 80, 12)[^1], StringComparison.Ordinal);
        state = state
            .Press(new ConsoleKeyInfo('\e', ConsoleKey.Escape, false, false, false), Table(state, Pool("attic")))
            .State;
        Assert.Equal("", state.Filter);
    }

    private static TopState Press(TopState state, PoolPicture pool, char key) =>
        state.Press(Key(key), Table(state, pool)).State;

    private static ConsoleKeyInfo Key(char key) => new(key, ConsoleKey.None, false, false, false);

    private static TopTable Table(TopState state, PoolPicture pool) =>
        (
            state.Pane switch
            {
                0 => TopTable.Now(pool, Now),
                1 => TopTable.Tasks(pool, Now),
                2 => TopTable.Hosts(pool, Now),
                _ => TopTable.Models(pool),
            }
        ).Filtered(state.Filter);

    private static IReadOnlyList<string> Draw(
        TopState state,
        PoolPicture pool,
        int columns,
        int rows,
        bool hasColour = false
    ) =>
        new TopScreen(columns, rows, hasColour).Draw(
            state,
            Table(state, pool),
            new PoolNews(pool),
            "http://gateway",
            Now
        );

    private static PoolPicture Pool(string name) =>
        new(
            [Task("t1", "running") with { Model = name, Host = name, Progress = new(12, null, name, null) }],
            [],
            [Task("t1", "running") with { Model = name }, Task("t2", "failed") with { Host = name }],
            [
                new HostDocument
                {
                    Id = "h1",
                    Name = name,
                    State = "online",
                    Role = "worker",
                    Slots = 4,
                    Running = 1,
                    EnrolledAt = Now,
                    Models = [],
                    Reason = name,
                },
            ],
            [new ServedModel { Id = name }],
            null,
            null
        );

    private static TaskDocument Task(string id, string state) =>
        new()
        {
            Id = id,
            Kind = "chat",
            State = state,
            Final = state is "completed" or "failed",
            Priority = 0,
            CreatedAt = Now,
            Attempt = 1,
            MaxAttempts = 3,
            ValidationAttempts = 0,
            Version = 1,
            Events = 1,
            Durability = "full",
        };
}
