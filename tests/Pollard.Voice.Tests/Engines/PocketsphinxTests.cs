using System.Diagnostics;
using Pollard.Voice.Audio;
using Pollard.Voice.Engines;
using Pollard.Voice.Engines.Pocketsphinx;
using Pollard.Voice.Engines.Programs;

namespace Pollard.Voice.Tests.Engines;

/// <summary>The real pocketsphinx, hearing real voices.</summary>
public sealed class PocketsphinxTests
{
    private static readonly PocketsphinxSettings List = new() { Sentences = SpokenSentences.All };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    // With a list of sentences 100 % were measured of every voice, so that one wrong sentence in twenty is the margin.
    [Theory]
    [InlineData("espeak-ng")]
    [InlineData("rms")]
    [InlineData("awb")]
    [InlineData("slt")]
    public async Task Of_a_list_of_sentences_what_was_said_is_heard(string voice)
    {
        await using var engine = PocketsphinxEngine.Open(List, TimeProvider.System);
        var (words, errors, right, took, length) = (0, 0, 0, TimeSpan.Zero, 0.0);
        foreach (var sentence in SpokenSentences.All)
        {
            var utterance = await SayAsync(voice, sentence);
            var watch = Stopwatch.StartNew();
            var heard = await engine.HearAsync(utterance, Token);

            took += watch.Elapsed;
            length += utterance.Length / (double)SpeechLimits.Rate;
            words += SpokenSentences.Words(sentence).Length;
            errors += SpokenSentences.Errors(sentence, heard.Text);
            right += SpokenSentences.Errors(sentence, heard.Text) == 0 ? 1 : 0;
            Assert.InRange(heard.Confidence ?? -1, 0, 1);
        }

        var accuracy = 100.0 * (words - errors) / words;
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{voice}: {right} of 20 sentences, {accuracy:0.0} % of {words} words, {took.TotalMilliseconds / 20:0.0} ms for {length / 20:0.0} s"
        );
        Assert.True(right >= 19, $"{voice}: {right} of 20 sentences");
        Assert.True(accuracy >= 95, $"{voice}: {accuracy} % of the words");
    }

    [Fact]
    public async Task A_grammar_has_what_may_be_said_and_free_speech_has_the_language_model()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(
            file,
            "#JSGF V1.0; grammar g; public <g> = (open | close) the garage door;",
            Token
        );
        await using var grammar = PocketsphinxEngine.Open(new() { GrammarFile = file }, TimeProvider.System);
        await using var free = PocketsphinxEngine.Open(new(), TimeProvider.System);
        var said = await SayAsync("rms", "Open the garage door.");

        Assert.Equal("open the garage door", (await grammar.HearAsync(said, Token)).Text);
        Assert.Contains("garage door", (await free.HearAsync(said, Token)).Text, StringComparison.Ordinal);
        File.Delete(file);
    }

    [Fact]
    public async Task Silence_is_no_speech_and_what_is_too_long_is_refused()
    {
        await using var engine = PocketsphinxEngine.Open(List, TimeProvider.System);

        Assert.Equal("no_speech", (await engine.HearAsync(new float[16_000], Token)).Failure?.Word);
        Assert.Equal("no_speech", (await engine.HearAsync(Array.Empty<float>(), Token)).Failure?.Word);
        Assert.Equal("no_speech", (await engine.HearAsync(new float[1_600], Token)).Failure?.Word);
        Assert.Equal("too_large", (await engine.HearAsync(new float[61 * 16_000], Token)).Failure?.Word);
    }

    [Fact]
    public async Task Many_are_heard_at_once_with_few_decoders_and_each_hears_its_own()
    {
        await using var engine = PocketsphinxEngine.Open(List with { MostAtOnce = 3 }, TimeProvider.System);
        var said = new List<float[]>();
        foreach (var sentence in SpokenSentences.All)
        {
            said.Add(await SayAsync("espeak-ng", sentence));
        }

        var heard = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => engine.HearAsync(said[i % 20], Token)));

        Assert.True(
            heard
                .Select((one, i) => SpokenSentences.Errors(SpokenSentences.All[i % 20], one.Text))
                .Count(static errors => errors > 0) <= 3
        );
    }

    [Fact]
    public async Task Who_gives_up_does_not_wait_and_the_decoder_hears_the_next()
    {
        var patience = new EnginePatience(TimeSpan.FromSeconds(120), TimeSpan.FromSeconds(120));
        await using var engine = PocketsphinxEngine.Open(
            new() { MostAtOnce = 1, Patience = patience },
            TimeProvider.System
        );
        var said = await SayAsync("rms", string.Join(' ', SpokenSentences.All.Take(3)));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var hearing = engine.HearAsync(said, stop.Token);

        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => hearing);
        Assert.Null((await engine.HearAsync(said, Token)).Failure);
    }

    [Fact]
    public async Task What_is_not_heard_in_time_is_late()
    {
        var patience = new EnginePatience(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(1));
        await using var engine = PocketsphinxEngine.Open(new() { Patience = patience }, TimeProvider.System);

        var heard = await engine.HearAsync(await SayAsync("rms", string.Join(' ', SpokenSentences.All)), Token);

        Assert.Equal("late", heard.Failure?.Word);
    }

    [Fact]
    public void What_cannot_work_is_said_at_the_start()
    {
        Assert.Contains("xyzzyx", Fails(new() { Sentences = ["say xyzzyx"] }), StringComparison.Ordinal);
        Assert.Contains("numbers", Fails(new() { Sentences = ["call 112"] }), StringComparison.Ordinal);
        Assert.Contains("numbers", Fails(new() { Sentences = ["yes; <x> = no"] }), StringComparison.Ordinal);
        Assert.Contains("cannot be read", Fails(new() { GrammarFile = "/nowhere/x.jsgf" }), StringComparison.Ordinal);
        Assert.Contains(
            "JSGF",
            Fails(new() { GrammarFile = typeof(SoundLog).Assembly.Location }),
            StringComparison.Ordinal
        );
        Assert.Contains("apt-get install", Fails(new() { Model = "/nowhere/en-us" }), StringComparison.Ordinal);
    }

    private static string Fails(PocketsphinxSettings settings) =>
        Assert.Throws<EngineSetupException>(() => PocketsphinxEngine.Open(settings, TimeProvider.System)).Message;

    private static async Task<float[]> SayAsync(string voice, string sentence)
    {
        var log = new SoundLog();
        if (voice == "espeak-ng")
        {
            using var engine = new ProgramSpeech(new EspeakNg().ToProgram(), TimeProvider.System);
            Assert.Null((await engine.SayAsync(sentence, log.TakeAsync, Token)).Failure);
            return log.ToUtterance();
        }

        // flite cannot write to a pipe.
        var file = Path.Combine(Path.GetTempPath(), $"{Guid.CreateVersion7()}.wav");
        using var flite = Process.Start("flite", ["-voice", voice, "-t", sentence, "-o", file]);
        await flite.WaitForExitAsync(Token);
        await using var stream = File.OpenRead(file);
        var wav = await WavReader.OpenAsync(stream, Token);
        await log.TakeAsync(new Sound(wav.Format.Rate, await wav.ReadAllAsync(TimeSpan.FromMinutes(1), Token)), Token);
        File.Delete(file);
        return log.ToUtterance();
    }
}
