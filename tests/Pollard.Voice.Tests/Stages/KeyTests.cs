using Pollard.Testing;
using Pollard.Voice.Links;
using Pollard.Voice.Stages;

namespace Pollard.Voice.Tests.Stages;

/// <summary>Callers who press keys.</summary>
public sealed class KeyTests : IAsyncDisposable
{
    private static readonly TimeSpan Never = TimeSpan.FromHours(1);
    private readonly Chain _chain = new();

    public KeyTests() => _chain.Settings = _chain.Settings with { KeyPause = Never };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _chain.DisposeAsync();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Keys_are_words_of_the_caller_each_time_they_are_whole(bool isOneProcess)
    {
        var chain = isOneProcess ? _chain.StartAll() : _chain.StartEach();
        var caller = chain.Call();
        await TalkAsync(caller, "hello", "Please press your number.");

        await caller.PressAsync("12A*3#");
        await AnswerAsync(caller, "u: [keys: 12A*3]", "And now the other.");
        await caller.PressAsync("#");
        await AnswerAsync(caller, "u: [keys: #]", "That is none.");
        await TalkAsync(caller, "goodbye", "Goodbye.");
        Assert.Equal(4, chain.Model.Count);
    }

    [Fact]
    public async Task Keys_throw_away_what_is_being_said_and_the_first_pauses_it()
    {
        var caller = _chain.StartAll().Call();
        _chain.Ears.Will("hello");
        await caller.SayAsync();
        var asked = await _chain.Model.AskedAsync();
        asked.Write(
            "This is a sentence that takes its time, and it is long enough to be interrupted. And another is never "
        );
        await UntilAsync(() => caller.Hear(1) == 1);
        await UntilAsync(() => caller.Playout.Depth > TimeSpan.FromSeconds(1));
        Assert.Equal(30, caller.Hear(30));

        await caller.PressAsync("4");
        await UntilAsync(() => caller.Hear(1) == 0);
        Assert.Equal(0, caller.Hear(20));
        await caller.PressAsync("2#");

        await asked.Cancelled.Task.WaitAsync(Token);
        await AnswerAsync(caller, "u: [keys: 42]", "Thank you.");
        Assert.Equal(2, _chain.Model.Count);
    }

    [Fact]
    public async Task Where_nobody_may_interrupt_keys_wait_for_the_end_of_the_answer()
    {
        _chain.Settings = _chain.Settings with { BargeIn = BargeIn.Off };
        var caller = _chain.StartAll().Call();
        _chain.Ears.Will("hello");
        await caller.SayAsync();
        var asked = await _chain.Model.AskedAsync();
        asked.Write("This is said to its end. And so is ");
        await UntilAsync(() => caller.Hear(1) == 1);

        await caller.PressAsync("42#");
        await UntilAsync(() => _chain.Written.Contains("[keys: 42]", StringComparison.Ordinal));
        asked.Answer("this.");

        await caller.HearUntilAsync("And so is this.");
        await AnswerAsync(caller, "u: [keys: 42]", "Thank you.");
    }

    [Theory]
    [InlineData(VoiceRole.Stt)]
    [InlineData(VoiceRole.Llm)]
    public async Task A_service_that_is_killed_while_keys_are_pressed_loses_none_and_takes_none_twice(string killed)
    {
        var caller = _chain.StartEach().Call();
        await TalkAsync(caller, "hello", "Please press your number.");
        await caller.PressAsync("9#");
        await AnswerAsync(caller, "u: [keys: 9]", "And now the other.");
        await _chain.UntilSaidAsync("And now the other.");

        await caller.PressAsync("12");
        await _chain.KillAsync(killed);
        await caller.PressAsync("3");
        _chain.Start(killed);
        await caller.PressAsync("4#");

        await AnswerAsync(caller, "u: [keys: 1234]", "Thank you.");
        await TalkAsync(caller, "goodbye", "Goodbye.");
        Assert.Equal(4, _chain.Model.Count);
    }

    [Fact]
    public void Keys_are_whole_when_none_has_come_for_two_seconds()
    {
        var time = new JumpingClock(DateTimeOffset.UnixEpoch);
        var links = new MemoryLinks("keys", time);
        var stt = links.Open(CallId.Parse("7"));
        Assert.True(links.Came.TryRead(out var llm));
        List<(uint Last, string Text)> taken = [];
        using var keys = new PressedKeys(
            llm,
            last: 10,
            (last, text) =>
            {
                taken.Add((last, text));
                return true;
            },
            new LlmSettings().KeyPause,
            time
        );

        Assert.False(Press(10, '0'));
        Assert.True(Press(11, '1'));
        time.Advance(TimeSpan.FromSeconds(1.9));
        Assert.False(Press(11, '1'));
        Assert.True(Press(12, '2'));
        time.Advance(TimeSpan.FromSeconds(1.9));
        Assert.Empty(taken);
        time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Equal([(12u, "[keys: 12]")], taken);
        for (uint i = 0; i < 70; i++)
        {
            Press(13 + i, '5');
        }

        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal([64, 6], taken.Skip(1).Select(static one => one.Text.Count(static key => key == '5')));
        List<uint> done = [];
        while (stt.Incoming.TryRead(out var frame))
        {
            Assert.Equal(FrameKind.KeyDone, frame.Kind);
            done.Add(frame.Chunk);
        }

        Assert.Equal([10, 10, 12, 76, 82], done);

        bool Press(uint number, char key) =>
            keys.Press(new LinkFrame(FrameKind.Key, new[] { (byte)key }, Chunk: number));
    }

    private async Task TalkAsync(Caller caller, string words, string answer)
    {
        _chain.Ears.Will(words);
        await caller.SayAsync();
        await AnswerAsync(caller, $"u: {words}", answer);
    }

    private async Task AnswerAsync(Caller caller, string last, string answer)
    {
        var asked = await _chain.Model.AskedAsync();
        Assert.Equal(last, asked.Talk.Last());
        asked.Answer(answer);
        await caller.HearUntilAsync(answer);
    }

    private static async Task UntilAsync(Func<bool> holds)
    {
        while (!holds())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, Token);
        }
    }
}
