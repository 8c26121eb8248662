using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Voice.Audio;
using Pollard.Voice.Engines;
using Pollard.Voice.Engines.Pocketsphinx;
using Pollard.Voice.Engines.Programs;
using Pollard.Voice.Legs.Rtp;
using Pollard.Voice.Legs.Sip;
using Pollard.Voice.Stages;
using Pollard.Voice.Tests.Engines;
using Pollard.Voice.Tests.Legs;
using Sound = Pollard.Voice.Tests.Audio.Sound;

namespace Pollard.Voice.Tests.Stages;

/// <summary>A real phone asks aloud, real engines hear it and answer aloud, and what the phone has heard is heard again.</summary>
public sealed class SpokenCallTests
{
    private const string Question = "Where is the nearest office?";
    private const string Answer = "Please call me back tomorrow morning.";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_phone_asks_and_understands_the_answer()
    {
        await using var ears = PocketsphinxEngine.Open(
            new PocketsphinxSettings { Sentences = SpokenSentences.All },
            TimeProvider.System
        );
        using var voice = new ProgramSpeech(new EspeakNg().ToProgram(), TimeProvider.System);
        var model = new ScriptedModel();
        await using var host = new VoiceHost(
            new VoiceSettings
            {
                Roles = new HashSet<string>(
                    [VoiceRole.Inbound, VoiceRole.Stt, VoiceRole.Llm, VoiceRole.Tts, VoiceRole.Outbound],
                    StringComparer.Ordinal
                ),
                Ears = ears,
                Voice = voice,
                Model = model,
                Answers = new LlmSettings(),
            },
            NullLogger.Instance
        );
        using var clock = new FrameClock(TimeProvider.System, NullLogger.Instance);
        clock.Start();
        await using var sip = new SipSource(
            new SipSettings
            {
                At = new IPEndPoint(IPAddress.Loopback, 0),
                Rtp = new RtpSettings { FirstPort = 0 },
            },
            clock,
            TimeProvider.System,
            NullLogger.Instance
        );
        using var over = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var running = Task.WhenAll(host.RunAsync(over.Token), sip.RunAsync(over.Token));
        var said = await Sound.SayAsync("en-us", Question, G711.Rate);
        await using var phone = await BaresipPhone.StartAsync(
            ";audio_codecs=PCMU/8000/1",
            [.. new float[G711.Rate / 2], .. said, .. new float[60 * G711.Rate]]
        );

        await phone.TellAsync("dial", $"sip:pollard@{sip.At}");
        var leg = await sip.Came.ReadAsync(Token);
        var answered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        string? heard = null;
        var call = host.Edge.ServeAsync(
            leg,
            happened =>
            {
                heard = happened is CallEvent.Heard { Text: var text } ? text : heard;
                if (happened is CallEvent.Answered)
                {
                    answered.TrySetResult();
                }
            },
            over.Token
        );
        (await model.AskedAsync()).Answer(Answer);
        await answered.Task.WaitAsync(Token);
        await phone.TellAsync("hangup");
        Assert.Equal("the caller hung up", await call);
        Assert.Equal(0, SpokenSentences.Errors(Question, heard!));
        var understood = await ears.HearAsync(Wide(await phone.HeardAsync()), Token);
        Assert.Equal(0, SpokenSentences.Errors(Answer, understood.Text));
        await leg.DisposeAsync();
        await over.CancelAsync();
        await running;
    }

    /// <summary>What was said in a recording, as it is recognised.</summary>
    private static float[] Wide(float[] recorded)
    {
        const float Loud = 0.02f;
        const int Around = G711.Rate / 4;
        var first = Math.Max(0, Array.FindIndex(recorded, static sample => Math.Abs(sample) > Loud) - Around);
        var last = Math.Min(
            recorded.Length,
            Array.FindLastIndex(recorded, static sample => Math.Abs(sample) > Loud) + Around
        );
        var samples = recorded[first..last];
        var resampler = new Resampler(G711.Rate, SpeechLimits.Rate);
        var wide = new float[resampler.MostOf(samples.Length)];
        return wide[..resampler.Process(samples, wide)];
    }
}
