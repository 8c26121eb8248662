using Pollard.Voice.Links;
using Pollard.Voice.Stages;

namespace Pollard.Voice.Tests.Stages;

/// <summary>Calls through all stages, with services that do what a test says.</summary>
public sealed class CallTests : IAsyncDisposable
{
    private readonly Chain _chain = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _chain.DisposeAsync();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_question_is_heard_answered_and_spoken_and_the_talk_goes_on(bool isOneProcess)
    {
        var chain = isOneProcess ? _chain.StartAll() : _chain.StartEach();
        var caller = chain.Call();
        chain.Ears.Will("what time is it");
        await caller.SayAsync();
        Assert.Equal("what time is it", (await caller.UntilAsync<CallEvent.Heard>()).Text);

        var first = await chain.Model.AskedAsync();
        Assert.Equal(["u: what time is it"], first.Talk);
        first.Answer("It is five o'clock. Do you need anything else?");
        Assert.Equal(
            ["It is five o'clock.", "Do you need anything else?"],
            await caller.HearUntilAsync("Do you need anything else?")
        );

        chain.Ears.Will("no thanks");
        await caller.SayAsync();
        var second = await chain.Model.AskedAsync();
        Assert.Equal(
            ["u: what time is it", "a: It is five o'clock. Do you need anything else?", "u: no thanks"],
            second.Talk
        );
        second.Answer("Goodbye.");
        await caller.HearUntilAsync("Goodbye.");
        Assert.Equal(["It is five o'clock.", "Do you need anything else?", "Goodbye."], chain.Voice.Said);

        caller.HangUp();
        Assert.Equal("the caller has hung up", await caller.Over);
    }

    [Fact]
    public async Task The_first_words_are_spoken_before_the_answer_is_whole()
    {
        var caller = _chain.StartAll().Call();
        _chain.Ears.Will("tell me a story");
        await caller.SayAsync();
        var asked = await _chain.Model.AskedAsync();
        asked.Write("Once upon a time, ");
        asked.Write("there was a ");
        await caller.HearUntilAsync("Once upon a time,");
        asked.Write("king. He ");
        await caller.HearUntilAsync("there was a king.");
    }

    [Fact]
    public async Task A_caller_who_speaks_pauses_the_answer_and_words_throw_it_away()
    {
        var caller = _chain.StartAll().Call();
        _chain.Ears.Will("tell me all");
        await caller.SayAsync();
        var asked = await _chain.Model.AskedAsync();
        asked.Write(
            "The first sentence is this one. The second sentence is a much longer one, so that there is time to speak in the middle of it. The third is never "
        );
        await caller.HearUntilAsync("The first sentence is this one.");
        await UntilAsync(() => caller.Hear(1) == 1); // The second has begun.
        await UntilAsync(() => caller.Playout.Depth > TimeSpan.FromSeconds(1));
        Assert.Equal(45, caller.Hear(45));

        await caller.BeginAsync(0.3);
        await UntilAsync(() => caller.Hear(1) == 0);
        Assert.Equal(0, caller.Hear(50));

        await caller.BeginAsync(0.3);
        _chain.Ears.Will("stop that");
        await caller.SilenceAsync();
        var next = await _chain.Model.AskedAsync();
        await asked.Cancelled.Task;
        Assert.Equal(["u: tell me all", "a: The first sentence is this one. The second…", "u: stop that"], next.Talk);
        next.Answer("I have stopped.");
        Assert.Equal(["I have stopped."], await caller.HearUntilAsync("I have stopped."));
        Assert.Equal(0, caller.Hear(50));
    }

    [Theory]
    [InlineData("")] // A noise.
    [InlineData("Uh huh.")] // Somebody who listens.
    public async Task What_was_no_words_lets_the_answer_go_on_where_it_was(string heard)
    {
        var caller = _chain.StartAll().Call();
        _chain.Ears.Will("tell me all");
        await caller.SayAsync();
        var asked = await _chain.Model.AskedAsync();
        asked.Answer("This sentence has fifty characters, or nearly so.");
        await UntilAsync(() => caller.Hear(1) == 1);
        await UntilAsync(() => caller.Playout.Depth > TimeSpan.FromSeconds(0.5));
        var before = 1 + caller.Hear(10);

        await caller.BeginAsync(0.3);
        await UntilAsync(() =>
        {
            var frames = caller.Hear(1);
            before += frames;
            return frames == 0;
        });
        _chain.Ears.Will(heard);
        await caller.SilenceAsync();
        await UntilAsync(() => caller.Hear(1) == 1);
        var after = 1;
        await UntilAsync(() =>
        {
            after += caller.Hear(1);
            return caller.IsAnswered;
        });
        Assert.Equal((int)(49 * ScriptedVoice.SecondsPerCharacter * 50), before + after, 3.0);
        Assert.Equal(1, _chain.Model.Count);
    }

    [Fact]
    public async Task Words_that_come_before_an_answer_belong_to_the_question()
    {
        var caller = _chain.StartAll().Call();
        _chain.Ears.Will("what is");
        await caller.SayAsync();
        var first = await _chain.Model.AskedAsync();
        _chain.Ears.Will("the time");
        await caller.SayAsync();
        var second = await _chain.Model.AskedAsync();
        await first.Cancelled.Task;
        Assert.Equal(["u: what is the time"], second.Talk);
    }

    [Fact]
    public async Task When_there_is_no_answer_the_caller_is_told_so()
    {
        var caller = _chain.StartAll().Call();
        _chain.Model.Refuses = true;
        _chain.Ears.Will("hello");
        await caller.SayAsync();
        await caller.HearUntilAsync(_chain.Settings.Sorry);

        _chain.Model.Refuses = false;
        _chain.Ears.Will("hello again");
        await caller.SayAsync();
        var asked = await _chain.Model.AskedAsync();
        Assert.Equal($"u: hello again", asked.Talk.Last());
        asked.Answer("```\ncode\n```"); // Nothing of it can be said.
        await caller.HearUntilAsync(_chain.Settings.Sorry);
    }

    [Fact]
    public async Task An_answer_that_begins_anew_on_another_host_goes_on_behind_what_was_heard()
    {
        var caller = _chain.StartAll().Call();
        _chain.Ears.Will("count");
        await caller.SayAsync();
        var asked = await _chain.Model.AskedAsync();
        asked.Write("This is one for you. This is two for you. Th");
        await caller.HearUntilAsync("This is one for you.");
        await UntilAsync(() => _chain.Written.Contains("This is one for you.", StringComparison.Ordinal));
        asked.Restart();
        asked.Answer("This is one for you. This is a pair. This is the rest.");
        Assert.Equal(["This is a pair.", "This is the rest."], await caller.HearUntilAsync("This is the rest."));
    }

    [Fact]
    public async Task A_sentence_that_cannot_be_spoken_is_left_out()
    {
        var caller = _chain.StartAll().Call();
        _chain.Voice.Fails = "This one is broken.";
        _chain.Ears.Will("hello");
        await caller.SayAsync();
        var asked = await _chain.Model.AskedAsync();
        asked.Answer("This one is good. This one is broken. This is the end.");
        Assert.Equal(["This one is good.", "This is the end."], await caller.HearUntilAsync("This is the end."));
        await caller.UntilAsync<CallEvent.Answered>();
        _chain.Ears.Will("hello again");
        await caller.SayAsync();
        Assert.Equal(
            ["u: hello", "a: This one is good. This is the end.", "u: hello again"],
            (await _chain.Model.AskedAsync()).Talk
        );
    }

    [Fact]
    public async Task Speech_is_made_only_a_little_ahead_of_what_is_heard()
    {
        var caller = _chain.StartAll().Call();
        _chain.Ears.Will("hello");
        await caller.SayAsync();
        var asked = await _chain.Model.AskedAsync();
        asked.Answer(string.Join(' ', Enumerable.Range(10, 30).Select(static i => $"This is sentence {i}.")));
        await UntilAsync(() => _chain.Voice.Said.Count == 2 && caller.Playout.Depth > TimeSpan.FromSeconds(0.5));
        Assert.Equal(1, caller.Hear(1));
        Assert.Equal(2, _chain.Voice.Said.Count);
        Assert.Equal(30, (await caller.HearUntilAsync("This is sentence 39.")).Count);
    }

    [Theory]
    [InlineData(VoiceRole.Stt)]
    [InlineData(VoiceRole.Llm)]
    [InlineData(VoiceRole.Tts)]
    public async Task A_service_that_is_started_anew_between_turns_is_not_noticed(string role)
    {
        var caller = _chain.StartEach().Call();
        await TalkAsync(caller, "one", "The first answer.");
        await _chain.UntilSaidAsync("The first answer.");
        await _chain.KillAsync(role);
        _chain.Start(role);
        await TalkAsync(caller, "two", "The second answer.");
        caller.HangUp();
        await caller.Over;
    }

    [Fact]
    public async Task What_was_said_while_recognition_was_away_is_heard_when_it_is_back()
    {
        var caller = _chain.StartEach().Call();
        await TalkAsync(caller, "one", "The first answer.");
        await _chain.KillAsync(VoiceRole.Stt);
        await caller.SayAsync();
        _chain.Ears.Will("two");
        _chain.Start(VoiceRole.Stt);
        (await _chain.Model.AskedAsync()).Answer("The second answer.");
        await caller.HearUntilAsync("The second answer.");
    }

    [Fact]
    public async Task What_recognition_had_in_hand_when_it_was_killed_is_heard_by_the_next()
    {
        var caller = _chain.StartEach().Call();
        await caller.SayAsync();
        await UntilAsync(() => _chain.Ears.Asked == 1); // And does not answer.
        await _chain.KillAsync(VoiceRole.Stt);
        _chain.Start(VoiceRole.Stt);
        await UntilAsync(() => _chain.Ears.Asked == 2);
        _chain.Ears.Will("one");
        (await _chain.Model.AskedAsync()).Answer("The answer.");
        await caller.HearUntilAsync("The answer.");
        Assert.Equal(1, _chain.Model.Count);
    }

    [Fact]
    public async Task What_recognition_had_in_hand_is_heard_before_what_was_said_while_it_was_away()
    {
        var caller = _chain.StartEach().Call();
        await caller.SayAsync();
        await UntilAsync(() => _chain.Ears.Asked == 1);
        await _chain.KillAsync(VoiceRole.Stt);
        await caller.SayAsync();
        _chain.Start(VoiceRole.Stt);
        _chain.Ears.Will("one");
        await _chain.Model.AskedAsync();
        _chain.Ears.Will("two");
        var asked = await _chain.Model.AskedAsync();
        Assert.Equal(["u: one two"], asked.Talk);
        asked.Answer("The answer.");
        await caller.HearUntilAsync("The answer.");
    }

    [Fact]
    public async Task Speech_that_was_killed_in_a_sentence_goes_on_where_it_was()
    {
        var caller = _chain.StartEach().Call();
        _chain.Ears.Will("hello");
        await caller.SayAsync();
        (await _chain.Model.AskedAsync()).Answer(
            "This sentence has fifty characters, or nearly so. And this is another one. This is the end."
        );
        await UntilAsync(() => caller.Hear(1) == 1);
        await _chain.KillAsync(VoiceRole.Tts);
        _chain.Start(VoiceRole.Tts);
        Assert.Equal(
            ["This sentence has fifty characters,", "or nearly so.", "And this is another one.", "This is the end."],
            await caller.HearUntilAsync("This is the end.")
        );
        await caller.UntilAsync<CallEvent.Answered>();
    }

    [Fact]
    public async Task An_answer_goes_on_where_it_was_with_a_model_stage_that_is_started_anew()
    {
        var caller = _chain.StartEach().Call();
        _chain.Ears.Will("hello");
        await caller.SayAsync();
        var asked = await _chain.Model.AskedAsync();
        asked.Write("This is the first sentence. This is the second one. Th");
        await UntilAsync(() => caller.Playout.Depth > TimeSpan.FromSeconds(0.8));
        Assert.Equal(35, caller.Hear(35)); // The first has 26, and of the second some are heard.
        await UntilAsync(() => _chain.Written.Contains("This is the first sentence.", StringComparison.Ordinal));
        await _chain.KillAsync(VoiceRole.Llm);
        Assert.False(asked.Cancelled.Task.IsCompleted); // Only the process was to end.
        asked.Answer("is is the last.");
        _chain.Start(VoiceRole.Llm);
        await UntilAsync(() => caller.Begun("This is the second one.") == 2); // Until then nothing more is heard.
        Assert.Equal(
            ["This is the first sentence.", "This is the second one.", "This is the last."],
            await caller.HearUntilAsync("This is the last.")
        );
        Assert.Equal(1, _chain.Model.Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_id_that_is_dialled_again_at_once_is_another_call(bool isOneProcess)
    {
        var chain = isOneProcess ? _chain.StartAll() : _chain.StartEach();
        for (var i = 0; i < 20; i++)
        {
            var caller = chain.Call();
            chain.Ears.Will($"words {i}");
            await caller.SayAsync();
            var asked = await chain.Model.AskedAsync();
            Assert.Equal([$"u: words {i}"], asked.Talk); // Nothing of who had the id before.
            asked.Answer($"Answer {i}, as you wish.");
            await caller.HearUntilAsync($"Answer {i}, as you wish.");
            caller.HangUp();
            await caller.Over;
        }
    }

    [Fact]
    public async Task Services_find_each_other_in_each_of_the_120_orders_in_which_they_can_be_started()
    {
        var orders = OrdersOf([VoiceRole.Inbound, VoiceRole.Stt, VoiceRole.Llm, VoiceRole.Tts, VoiceRole.Outbound])
            .ToList();
        Assert.Equal(120, orders.Count);
        for (var at = 0; at < orders.Count; at += 8) // Some at a time.
        {
            await Task.WhenAll(orders.Skip(at).Take(8).Select(CallAfterAsync));
        }

        static async Task CallAfterAsync(IReadOnlyList<string> order)
        {
            await using var chain = new Chain();
            foreach (var role in order)
            {
                chain.Start(role);
                await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(0, 100)), TimeProvider.System, Token);
            }

            var (speaker, hearer) = (new Caller(CallId.Parse("7")), new Caller(CallId.Parse("7")));
            chain.Call(speaker, VoiceRole.Inbound);
            chain.Call(hearer, VoiceRole.Outbound);
            chain.Ears.Will("hello");
            await speaker.SayAsync();
            (await chain.Model.AskedAsync()).Answer("The answer.");
            Assert.Equal(["The answer."], await hearer.HearUntilAsync("The answer."));
            speaker.HangUp();
            await Task.WhenAll(speaker.Over, hearer.Over);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_hundred_calls_at_once_each_hear_the_answer_to_what_they_said(bool isOneProcess)
    {
        const int Calls = 100;
        var chain = isOneProcess ? _chain.StartAll() : _chain.StartEach();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var answering = AnswerAllAsync(over.Token);
        for (var i = 0; i < Calls; i++)
        {
            chain.Ears.Will($"question {i}");
        }

        var heard = await Task.WhenAll(Enumerable.Range(0, Calls).Select(i => TalkOnceAsync(chain.Call($"call-{i}"))));
        Assert.Equal(Calls, heard.Distinct().Count());
        await over.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => answering);
        await UntilAsync(() => chain[VoiceRole.Llm].Look().Calls.Values.All(static calls => calls.Count == 0));

        static async Task<string> TalkOnceAsync(Caller caller)
        {
            await caller.SayAsync();
            var words = (await caller.UntilAsync<CallEvent.Heard>()).Text;
            Assert.Equal([$"You said {words}."], await caller.HearUntilAsync($"You said {words}."));
            caller.HangUp();
            await caller.Over;
            return words;
        }

        async Task AnswerAllAsync(CancellationToken ct)
        {
            while (true)
            {
                var asked = await chain.Model.AskedAsync().AsTask().WaitAsync(ct);
                asked.Answer($"You said {asked.Talk.Last()[3..]}.");
            }
        }
    }

    private async Task TalkAsync(Caller caller, string words, string answer)
    {
        _chain.Ears.Will(words);
        await caller.SayAsync();
        var asked = await _chain.Model.AskedAsync();
        Assert.EndsWith(words, asked.Talk.Last(), StringComparison.Ordinal);
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

    private static IEnumerable<IReadOnlyList<string>> OrdersOf(IReadOnlyList<string> roles) =>
        roles.Count == 1
            ? [roles]
            : roles.SelectMany(first =>
                OrdersOf([.. roles.Where(one => one != first)]).Select(rest => (IReadOnlyList<string>)[first, .. rest])
            );
}
