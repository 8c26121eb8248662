using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Voice.Audio;
using Pollard.Voice.Legs;
using Pollard.Voice.Legs.Rtp;
using Pollard.Voice.Links;
using Pollard.Voice.Stages;
using Pollard.Voice.Tests.Audio;
using Pollard.Voice.Tests.Legs;

namespace Pollard.Voice.Tests.Stages;

/// <summary>Calls whose ends are two processes, with a caller who speaks and hears by the bare net.</summary>
public sealed class NetCallTests : IAsyncDisposable
{
    private static readonly CallId Id = CallId.Parse("7");
    private readonly Chain _chain = new Chain()
        .Start(VoiceRole.Inbound)
        .Start(VoiceRole.Outbound)
        .Start(VoiceRole.Stt, VoiceRole.Llm, VoiceRole.Tts);
    private readonly FrameClock _clock = new(TimeProvider.System, NullLogger.Instance);
    private readonly RtpEnd _caller = new();
    private readonly CancellationTokenSource _over = CancellationTokenSource.CreateLinkedTokenSource(Token);
    private readonly TaskCompletionSource _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public NetCallTests() => _clock.Start();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _caller.DisposeAsync();
        _clock.Dispose();
        await _chain.DisposeAsync();
        _over.Dispose();
    }

    [Fact]
    public async Task A_caller_asks_by_RTP_and_hears_the_answer_by_RTP()
    {
        var hearing = HearAsync(G711Law.A);
        await using var leg = new RtpInLeg(
            Id,
            new IPEndPoint(IPAddress.Loopback, 0),
            IPAddress.IsLoopback,
            _clock,
            NullLogger.Instance
        );
        var speaking = _chain[VoiceRole.Inbound].Edge.ServeAsync(leg, static _ => { }, _over.Token);
        _chain.Ears.Will("what time is it");
        _caller.Say(leg.At, [.. Sound.Tone(0.2f, 0.6, G711.Rate), .. new float[G711.Rate]]);

        await AnswerAsync("It is five o'clock.");
        await _over.CancelAsync();
        await Task.WhenAll(speaking, hearing);

        var heard = _caller.Heard();
        Assert.All(heard, one => Assert.Equal((8, heard[0].Source, 160), (one.Type, one.Source, one.Codes.Length)));
        Assert.All(
            heard.Zip(heard.Skip(1)),
            static pair =>
            {
                Assert.Equal((ushort)(pair.First.Sequence + 1), pair.Second.Sequence);
                Assert.Equal(0u, (pair.Second.Timestamp - pair.First.Timestamp) % 160);
            }
        );
        var loud = heard.Where(static one => one.Codes.Any(static code => code != G711.SilenceOf(G711Law.A))).ToList();
        Assert.InRange(loud.Count, 18, 21); // 19 characters of 20 ms, and what the filter rings.
        Assert.Equal([loud[0]], heard.Where(static one => one.IsMarked));
    }

    [Fact]
    public async Task A_caller_asks_by_TCP_and_has_said_all_when_the_connection_ends()
    {
        var hearing = HearAsync(G711Law.Mu);
        using var listener = new LegListener(
            new IPEndPoint(IPAddress.Loopback, 0),
            IPAddress.IsLoopback,
            most: 1,
            TimeProvider.System,
            NullLogger.Instance
        );
        using var caller = new TcpClient();
        await caller.ConnectAsync(listener.At, Token);
        await using var stream = new NetworkStream(await listener.AcceptAsync(Token), ownsSocket: true);
        var sound = new EndingSound(
            new RawReader(stream, SampleEncoding.Pcm16).ReadAsync,
            TimeSpan.FromSeconds(30),
            TimeProvider.System
        );
        var input = new SoundInput(sound.ReadAsync, 16_000) { Stays = true };
        var leg = new SoundLeg(Id, "TCP", input, output: null, G711Law.Mu, _clock);
        var speaking = _chain[VoiceRole.Inbound].Edge.ServeAsync(leg, static _ => { }, _over.Token);
        _chain.Ears.Will("what time is it");
        var said = Sound.Tone(0.2f, 0.6, 16_000);
        var bytes = new byte[said.Length * sizeof(short)];
        Samples.Encode(SampleEncoding.Pcm16, said, bytes);
        await caller.GetStream().WriteAsync(bytes, Token);
        caller.Client.Shutdown(SocketShutdown.Send);
        await sound.Ended.WaitAsync(Token);

        await AnswerAsync("It is five o'clock.");
        await _over.CancelAsync();
        await Task.WhenAll(speaking, hearing);

        Assert.Contains(_caller.Heard(), static one => one.IsMarked);
    }

    private async Task AnswerAsync(string text)
    {
        var question = await _chain.Model.AskedAsync();
        Assert.Equal(["u: what time is it"], question.Talk);
        question.Answer(text);
        await _answered.Task.WaitAsync(Token);
    }

    /// <summary>The caller's other end, in a process of its own.</summary>
    private async Task HearAsync(G711Law law)
    {
        await using var leg = new RtpOutLeg(Id, _caller.At, law, _clock);
        await _chain[VoiceRole.Outbound]
            .Edge.ServeAsync(
                leg,
                happened =>
                {
                    if (happened is CallEvent.Answered)
                    {
                        _answered.TrySetResult();
                    }
                },
                _over.Token
            );
    }
}
