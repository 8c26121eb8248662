using System.Diagnostics;
using Pollard.Voice.Engines;
using Pollard.Voice.Engines.Programs;

namespace Pollard.Voice.Tests.Engines;

/// <summary>The real espeak-ng, and programs that do what it must not.</summary>
public sealed class EspeakNgTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_sentence_comes_in_parts_the_first_before_the_last_is_made()
    {
        using var engine = new ProgramSpeech(new EspeakNg().ToProgram(), TimeProvider.System);
        var log = new SoundLog();

        var spoken = await engine.SayAsync(string.Join(' ', SpokenSentences.All), log.TakeAsync, Token);

        Assert.Null(spoken.Failure);
        Assert.Equal(22_050, log.Rate);
        Assert.InRange(spoken.Length.TotalSeconds, 20, 60);
        Assert.Equal(log.Samples.Count, (int)Math.Round(spoken.Length.TotalSeconds * log.Rate));
        Assert.True(log.Parts > 100);
    }

    [Fact]
    public async Task Sentences_are_said_one_after_the_other_and_how_soon_is_printed()
    {
        using var engine = new ProgramSpeech(new EspeakNg().ToProgram(), TimeProvider.System);
        List<double> first = [];
        List<double> all = [];
        foreach (var sentence in SpokenSentences.All)
        {
            var (watch, soon) = (Stopwatch.StartNew(), (TimeSpan?)null);
            var spoken = await engine.SayAsync(
                sentence,
                (_, _) =>
                {
                    soon ??= watch.Elapsed;
                    return ValueTask.CompletedTask;
                },
                Token
            );
            Assert.Null(spoken.Failure);
            first.Add(soon!.Value.TotalMilliseconds);
            all.Add(watch.Elapsed.TotalMilliseconds);
        }

        TestContext.Current.TestOutputHelper?.WriteLine(
            $"espeak-ng, 20 sentences: first sound after {first.Order().ElementAt(10):0} ms (p50), {first.Max():0} ms (most); whole after {all.Order().ElementAt(10):0} ms (p50)"
        );
    }

    [Fact]
    public async Task Voice_speed_and_pitch_are_the_owners()
    {
        var (slow, fast, high) = (
            await SayAsync(new EspeakNg { Speed = 100 }),
            await SayAsync(new EspeakNg { Speed = 300 }),
            await SayAsync(new EspeakNg { Pitch = 99, Voice = "de+f3" })
        );

        Assert.True(slow.Samples.Count > fast.Samples.Count * 2);
        Assert.NotEqual(slow.Samples, high.Samples);
        Assert.Throws<EngineSetupException>(() => new EspeakNg { Voice = "-w/tmp/x" }.ToProgram());
        Assert.Throws<EngineSetupException>(() => new EspeakNg { Speed = 1_000 }.ToProgram());
        Assert.Throws<EngineSetupException>(() => new EspeakNg { Pitch = -1 }.ToProgram());
    }

    [Theory]
    [InlineData("--version; rm -rf $(pwd) `id`")]
    [InlineData("-f /etc/passwd")]
    [InlineData("<speak>less & more</speak>")]
    [InlineData("Grüße aus Köln, 東京 and 🎉")]
    [InlineData("a\nb\r\nc\0d")]
    [InlineData("[[h@l'oU]]")]
    public async Task Whatever_a_sentence_has_it_is_said(string sentence)
    {
        using var engine = new ProgramSpeech(new EspeakNg().ToProgram(), TimeProvider.System);
        var log = new SoundLog();

        var spoken = await engine.SayAsync(sentence, log.TakeAsync, Token);

        Assert.Null(spoken.Failure);
        Assert.True(log.Samples.Max() > 0.05);
    }

    [Fact]
    public async Task Nothing_to_say_is_no_failure_and_too_much_is_refused()
    {
        using var engine = new ProgramSpeech(new EspeakNg().ToProgram(), TimeProvider.System);
        var log = new SoundLog();

        var nothing = await engine.SayAsync(" \n", log.TakeAsync, Token);
        var tooMuch = await engine.SayAsync(new string('a', 4_001), log.TakeAsync, Token);

        Assert.Equal(new Spoken(TimeSpan.Zero), nothing);
        Assert.Equal(EngineFault.TooLarge, tooMuch.Failure?.Fault);
        Assert.Equal(0, log.Parts);
    }

    [Fact]
    public async Task Who_is_interrupted_stops_at_once_and_leaves_no_process()
    {
        var file = Path.GetTempFileName();
        using var engine = new ProgramSpeech(
            Shell($"echo $$ >{file}; espeak-ng --stdout --stdin; exec sleep 600"),
            TimeProvider.System
        );
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var log = new SoundLog();
        var saying = engine.SayAsync("Hello there", log.TakeAsync, stop.Token);
        await log.First;

        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => saying);
        Assert.False(Directory.Exists($"/proc/{(await File.ReadAllTextAsync(file, Token)).Trim()}"));
        File.Delete(file);
    }

    [Theory]
    [InlineData(
        "cat >&2; echo no such voice >&2; exit 3",
        EngineFault.Broken,
        "exit code 3: Hello there\nno such voice"
    )]
    [InlineData("echo this is no sound", EngineFault.Garbled, "RIFF")]
    [InlineData("true", EngineFault.Garbled, "RIFF")]
    [InlineData("exec 0<&-; exit 4", EngineFault.Broken, "exit code 4")]
    [InlineData("espeak-ng --stdout --stdin | head -c 44", EngineFault.Garbled, "without a sound")]
    [InlineData("espeak-ng --stdout --stdin | head -c 44; cat /dev/zero", EngineFault.TooLarge, "more than 300 s")]
    [InlineData("exec sleep 600", EngineFault.Late, "was late")]
    [InlineData("espeak-ng --stdout --stdin; exec sleep 600", EngineFault.Late, "was late")]
    internal async Task A_program_that_fails_is_a_value(string script, EngineFault fault, string detail)
    {
        var patience = new EnginePatience(
            TimeSpan.FromSeconds(fault == EngineFault.Late ? 1 : 60),
            TimeSpan.FromSeconds(120)
        );
        using var engine = new ProgramSpeech(Shell(script) with { Patience = patience }, TimeProvider.System);

        var spoken = await engine.SayAsync("Hello there", new SoundLog().TakeAsync, Token);

        Assert.Equal(fault, spoken.Failure?.Fault);
        Assert.Contains(detail, spoken.Failure?.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_that_is_not_installed_says_what_to_do()
    {
        using var engine = new ProgramSpeech(
            new EspeakNg().ToProgram() with
            {
                File = "espeak-ng-lost",
            },
            TimeProvider.System
        );

        var spoken = await engine.SayAsync("Hello", new SoundLog().TakeAsync, Token);

        Assert.Equal("unreachable", spoken.Failure?.Word);
        Assert.Contains("apt-get install espeak-ng", spoken.Failure?.Detail, StringComparison.Ordinal);
    }

    private static async Task<SoundLog> SayAsync(EspeakNg how)
    {
        using var engine = new ProgramSpeech(how.ToProgram(), TimeProvider.System);
        var log = new SoundLog();
        Assert.Null((await engine.SayAsync("What time is it?", log.TakeAsync, Token)).Failure);
        return log;
    }

    private static SpeechProgram Shell(string script) => new("shell", "/bin/sh", ["-c", script], "");
}
