using Microsoft.Extensions.Time.Testing;
using Pollard.Voice.Engines;

namespace Pollard.Voice.Tests.Engines;

/// <summary>When an engine is asked, on a clock that the tests turn.</summary>
public sealed class EngineBreakerTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly EngineBreaker _breaker;

    public EngineBreakerTests() => _breaker = new EngineBreaker(_time);

    [Fact]
    public void Five_failures_in_ten_seconds_leave_it_alone_for_five()
    {
        for (var i = 0; i < 4; i++)
        {
            Assert.Equal(BreakerChange.None, Ask(isGood: false));
        }

        Assert.Equal(BreakerChange.Opened, Ask(isGood: false));

        Turn(4.9);
        Assert.Null(_breaker.TryEnter());
        Turn(0.1);
        Assert.Equal(new BreakerPass(IsTrial: true), _breaker.TryEnter());
    }

    [Fact]
    public void Failures_that_are_far_apart_are_borne_and_good_answers_do_not_hide_those_that_are_not()
    {
        for (var i = 0; i < 100; i++)
        {
            Assert.Equal(BreakerChange.None, Ask(isGood: false));
            Turn(2.6);
        }

        Turn(20);
        for (var i = 0; i < 4; i++)
        {
            Assert.Equal(BreakerChange.None, Ask(isGood: false));
            Assert.Equal(BreakerChange.None, Ask(isGood: true));
            Assert.Equal(BreakerChange.None, Ask(isGood: null));
        }

        Assert.Equal(BreakerChange.Opened, Ask(isGood: false));
    }

    [Fact]
    public void One_tries_it_and_all_others_wait_for_what_it_finds()
    {
        Open();
        Turn(5);
        var trial = _breaker.TryEnter()!.Value;
        Assert.Null(_breaker.TryEnter());

        Assert.Equal(BreakerChange.None, _breaker.Leave(trial, isGood: false));
        Assert.Null(_breaker.TryEnter());
        Turn(5);
        trial = _breaker.TryEnter()!.Value;
        Assert.Equal(BreakerChange.Closed, _breaker.Leave(trial, isGood: true));

        Assert.Equal(new BreakerPass(IsTrial: false), _breaker.TryEnter());
        Assert.Equal(BreakerChange.None, Ask(isGood: false));
    }

    [Fact]
    public void A_try_that_was_no_longer_needed_leaves_it_to_the_next()
    {
        Open();
        Turn(5);

        _breaker.Leave(_breaker.TryEnter()!.Value, isGood: null);

        Assert.Equal(new BreakerPass(IsTrial: true), _breaker.TryEnter());
    }

    [Fact]
    public void What_began_before_it_was_left_alone_neither_closes_it_nor_keeps_it_open_longer()
    {
        var early = Enumerable.Range(0, 6).Select(_ => _breaker.TryEnter()!.Value).ToArray();
        Open();
        Turn(4);

        Assert.Equal(BreakerChange.None, _breaker.Leave(early[0], isGood: true));
        foreach (var pass in early[1..])
        {
            Assert.Equal(BreakerChange.None, _breaker.Leave(pass, isGood: false));
        }

        Assert.Null(_breaker.TryEnter());
        Turn(1);
        Assert.NotNull(_breaker.TryEnter());
    }

    private void Open()
    {
        for (var i = 0; i < 5; i++)
        {
            Ask(isGood: false);
        }
    }

    private BreakerChange Ask(bool? isGood) => _breaker.Leave(_breaker.TryEnter()!.Value, isGood);

    private void Turn(double seconds) => _time.Advance(TimeSpan.FromSeconds(seconds));
}
