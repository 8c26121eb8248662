using Microsoft.Extensions.Time.Testing;
using Pollard.Agent.Sources.Gateway;

namespace Pollard.Agent.Tests.Link;

/// <summary>Which carrier is used: what worked last, else the best that gets through; and a better one as soon as it does.</summary>
public sealed class CarrierLadderTests
{
    private readonly FakeTimeProvider _clock = new();
    private readonly Carrier _h2 = new("h2");
    private readonly Carrier _ws = new("ws");
    private readonly Carrier _turn = new("turn") { Passes = false }; // Nobody asks it.

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true, true, "h2")]
    [InlineData(false, true, "ws")]
    [InlineData(false, false, "turn")]
    public async Task It_takes_the_best_that_gets_through(bool h2, bool ws, string expected)
    {
        (_h2.Passes, _ws.Passes) = (h2, ws);

        Assert.Equal(expected, await ChosenAsync(Ladder()));
        Assert.Equal((1, 1, 0), (_h2.Tests, _ws.Tests, _turn.Tests));
    }

    [Theory]
    [InlineData("h2")]
    [InlineData("ws")]
    [InlineData("turn")]
    public async Task What_worked_last_is_used_without_a_test(string remembered)
    {
        Assert.Equal(remembered, await ChosenAsync(Ladder(remembered)));
        Assert.Equal(0, _h2.Tests + _ws.Tests);
    }

    [Fact]
    public async Task A_name_that_is_none_any_more_is_as_good_as_no_memory() =>
        Assert.Equal("h2", await ChosenAsync(Ladder("pigeon")));

    [Fact]
    public async Task What_was_remembered_and_fails_is_tested_before_it_is_blamed()
    {
        var ladder = Ladder("h2");

        Assert.True(ladder.Failed()); // The gateway may have been away.
        Assert.Equal("h2", await ChosenAsync(ladder));
        Assert.True(ladder.Failed()); // It passes its test and still carries no session.
        Assert.Equal("ws", await ChosenAsync(ladder));
        Assert.True(ladder.Failed());
        Assert.Equal("turn", await ChosenAsync(ladder));
        Assert.False(ladder.Failed()); // All were tried: the agent waits, and then each has its chance again.
        Assert.Equal("h2", await ChosenAsync(ladder));
    }

    [Fact]
    public async Task One_that_stood_is_not_to_blame_for_what_happened_before()
    {
        var ladder = Ladder();
        await ladder.ChooseAsync(Token);
        ladder.Failed();
        Assert.Equal("ws", await ChosenAsync(ladder));
        ladder.Proven();

        ladder.Failed();

        Assert.Equal("h2", await ChosenAsync(ladder));
    }

    [Theory]
    [InlineData(60, 61, "ws")]
    [InlineData(60, 90, "h2")]
    [InlineData(3, 3, "h2")]
    [InlineData(3600, 3600, "h2")]
    public async Task What_is_cut_again_at_the_same_age_gives_way(int first, int second, string expected)
    {
        var ladder = Ladder();
        await ladder.ChooseAsync(Token);

        ladder.Cut(TimeSpan.FromSeconds(first));
        ladder.Proven();
        ladder.Cut(TimeSpan.FromSeconds(second));

        Assert.Equal(expected, await ChosenAsync(ladder));
    }

    [Fact]
    public async Task A_better_one_is_taken_as_soon_as_it_gets_through()
    {
        (_h2.Passes, _ws.Passes) = (false, false);
        var ladder = Ladder();
        await ladder.ChooseAsync(Token);
        var rising = ladder.RiseAsync(Token);

        await TurnUntilAsync(() => _ws.Tests == 2);
        Assert.Equal("turn", ladder.Current.Name);
        _ws.Passes = true;
        await TurnUntilAsync(() => rising.IsCompleted);

        Assert.Equal("ws", ladder.Current.Name);
        Assert.Equal((3, 3), (_h2.Tests, _ws.Tests));
    }

    private async Task TurnUntilAsync(Func<bool> isSo)
    {
        while (!isSo())
        {
            _clock.Advance(TimeSpan.FromSeconds(10));
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, Token);
        }
    }

    [Fact]
    public async Task The_best_has_nothing_to_rise_to_and_what_is_cut_all_the_time_is_not_risen_to()
    {
        using CancellationTokenSource over = new();
        var best = Ladder();
        await best.ChooseAsync(Token);
        var cut = Ladder();
        await cut.ChooseAsync(Token);
        cut.Cut(TimeSpan.FromSeconds(60));
        cut.Cut(TimeSpan.FromSeconds(60));
        await cut.ChooseAsync(Token);
        var tests = _h2.Tests;

        Task[] rising = [best.RiseAsync(over.Token), cut.RiseAsync(over.Token)];
        _clock.Advance(TimeSpan.FromDays(1));

        Assert.Equal(tests, _h2.Tests);
        Assert.All(rising, one => Assert.False(one.IsCompleted));
        await over.CancelAsync();
    }

    private CarrierLadder Ladder(string? remembered = null) =>
        new([_h2, _ws, _turn], remembered, CarrierLadder.RiseAfter, _clock);

    private static async Task<string> ChosenAsync(CarrierLadder ladder)
    {
        await ladder.ChooseAsync(Token);
        return ladder.Current.Name;
    }

    private sealed class Carrier(string name) : ILinkCarrier
    {
        public string Name => name;

        public bool Passes { get; set; } = true;

        public int Tests { get; private set; }

        public Task<bool> GetsThroughAsync(CancellationToken ct)
        {
            Tests++;
            return Task.FromResult(Passes);
        }

        public Task<LinkConnection> ConnectAsync(ReadOnlyMemory<byte> hello, CancellationToken ct) =>
            throw new NotSupportedException();
    }
}
