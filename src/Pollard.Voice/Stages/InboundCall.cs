using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Logging;
using Pollard.Voice.Audio;
using Pollard.Voice.Engines;
using Pollard.Voice.Legs;
using Pollard.Voice.Links;

namespace Pollard.Voice.Stages;

/// <summary>
/// What a caller says, on its way to who recognises it: cut into utterances, each kept until it was taken in, so that a service that is
/// started anew in the middle hears it again.
/// </summary>
internal sealed partial class InboundCall : ICallerEar
{
    private const int MostKept = 8; // Utterances; a caller says one in some seconds.
    private const int MostKeys = 256;
    private const int PieceSamples = SpeechLimits.Rate; // A second: an utterance of eight is no burst for the calls beside it.
    private static readonly TimeSpan HoldAgain = TimeSpan.FromSeconds(5);
    private readonly ICallLink _stt;
    private readonly EndpointProfile _profile;
    private readonly Action<CallEvent> _tell;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Endpointer _endpointer;
    private readonly Resampler? _resampler;
    private readonly List<(uint Turn, List<float[]> Parts)> _kept = [];
    private readonly Queue<(uint Number, byte[] Key)> _keys = []; // Those that were not taken in yet.
    private readonly List<float[]> _parts = []; // Of the utterance that goes on.
    private readonly Lock _gate = new();
    private float[] _resampled = [];
    private uint _turn;
    private uint _key;
    private bool _isSpeaking;
    private long _heldAt;

    /// <param name="stt">Who recognises it.</param>
    /// <param name="rate">Samples a second of what is heard.</param>
    /// <param name="profile">When an utterance begins and ends.</param>
    /// <param name="tell">Is told what happens; returns at once.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    public InboundCall(
        ICallLink stt,
        int rate,
        EndpointProfile profile,
        Action<CallEvent> tell,
        TimeProvider time,
        ILogger logger
    )
    {
        (_stt, _profile, _tell, _time, _logger) = (stt, profile, tell, time, logger);
        _resampler = rate == SpeechLimits.Rate ? null : new Resampler(rate, SpeechLimits.Rate);
        _endpointer = new Endpointer(profile, SpeechLimits.Rate, Happened);
        _turn = (uint)time.GetUtcNow().ToUnixTimeSeconds(); // A process that is started anew goes on with higher ones.
        _key = FirstNumber.Of(time);
    }

    /// <inheritdoc/>
    public void Hear(ReadOnlySpan<float> samples)
    {
        if (_isSpeaking && _time.GetElapsedTime(_heldAt) >= HoldAgain)
        {
            Hold(); // Who is held does not wait for ever.
        }

        if (_resampler is null)
        {
            _endpointer.Hear(samples);
            return;
        }

        var most = _resampler.MostOf(samples.Length);
        if (_resampled.Length < most)
        {
            _resampled = new float[most];
        }

        var count = _resampler.Process(samples, _resampled);
        _endpointer.Hear(_resampled.AsSpan(0, count));
    }

    /// <inheritdoc/>
    public void Press(char key)
    {
        lock (_gate)
        {
            if (_keys.Count == MostKeys)
            {
                _keys.Dequeue();
            }

            _keys.Enqueue((++_key, [(byte)key]));
            SayKey(_key, [(byte)key]);
        }

        _tell(new CallEvent.Pressed(key));
    }

    /// <summary>Hears who recognises, until the call is over.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        await foreach (var frame in _stt.Incoming.ReadAllAsync(ct))
        {
            switch (frame.Kind)
            {
                case FrameKind.Ready:
                    _tell(new CallEvent.Connected(VoiceRole.Stt));
                    SayAgain();
                    break;
                case FrameKind.Done:
                    lock (_gate)
                    {
                        _kept.RemoveAll(kept => kept.Turn == frame.Mark.Turn);
                    }

                    _tell(new CallEvent.Taken(frame.Mark.Turn));
                    break;
                case FrameKind.KeyDone:
                    ForgetKeys(frame.Chunk);
                    break;
                case FrameKind.Text:
                    _tell(new CallEvent.Heard(frame.Mark.Turn, Encoding.UTF8.GetString(frame.Payload.Span)));
                    break;
            }
        }
    }

    private void Happened(SpeechEvent happened)
    {
        switch (happened)
        {
            case SpeechEvent.Started:
                _isSpeaking = true;
                Hold();
                break;
            case SpeechEvent.Discarded:
                _isSpeaking = false;
                _stt.TrySend(new LinkFrame(FrameKind.Resume, Mark: new SpeechMark(_turn + 1, 0, 0)));
                break;
            case SpeechEvent.Utterance utterance:
                Take(utterance);
                break;
        }
    }

    private void Hold()
    {
        _heldAt = _time.GetTimestamp();
        _stt.TrySend(new LinkFrame(FrameKind.Hold, Mark: new SpeechMark(_turn + 1, 0, 0)));
    }

    private void Take(SpeechEvent.Utterance utterance)
    {
        var length = TimeSpan.Zero;
        lock (_gate) // What is said again is not to come in between.
        {
            _parts.Add(utterance.Samples);
            Say(_turn + 1, (uint)_parts.Count, utterance.Samples);
            if (utterance.GoesOn)
            {
                return;
            }

            _kept.Add((++_turn, [.. _parts]));
            SayEnd(_turn);
            if (_kept.Count > MostKept)
            {
                LogForgotten(_logger, _stt.Call, _kept[0].Turn, MostKept);
                _kept.RemoveAt(0);
            }

            length = TimeSpan.FromSeconds(_parts.Sum(static part => part.Length) / (double)SpeechLimits.Rate);
            _parts.Clear();
        }

        _isSpeaking = false;
        var ended = _time.GetTimestamp() - (long)(_profile.EndSilence.TotalSeconds * _time.TimestampFrequency);
        _tell(new CallEvent.Spoke(_turn, length, ended));
    }

    private void SayAgain()
    {
        lock (_gate)
        {
            _stt.TrySend(new LinkFrame(FrameKind.Ready)); // All keys that follow are in order, and what came before them comes again.
            SayEnd(turn: 0); // The same of sound, which goes another way.
            foreach (var (turn, parts) in _kept)
            {
                SayAll(turn, parts);
                SayEnd(turn);
            }

            SayAll(_turn + 1, _parts);
            foreach (var (number, key) in _keys)
            {
                SayKey(number, key);
            }
        }
    }

    private void ForgetKeys(uint last)
    {
        lock (_gate)
        {
            while (_keys.TryPeek(out var first) && first.Number <= last)
            {
                _keys.Dequeue();
            }
        }
    }

    private void SayKey(uint number, byte[] key) => Send(new LinkFrame(FrameKind.Key, key, Chunk: number));

    private void SayAll(uint turn, List<float[]> parts)
    {
        for (var part = 0; part < parts.Count; part++)
        {
            Say(turn, (uint)part + 1, parts[part]);
        }
    }

    private void Say(uint turn, uint part, float[] samples)
    {
        for (var at = 0; at < samples.Length; at += PieceSamples)
        {
            var piece = samples.AsSpan(at, Math.Min(PieceSamples, samples.Length - at));
            Send(
                new LinkFrame(
                    FrameKind.Audio,
                    MemoryMarshal.AsBytes(piece).ToArray(),
                    SpeechLimits.Rate,
                    (uint)(at / PieceSamples) + 1,
                    new SpeechMark(turn, 0, part)
                )
            );
        }
    }

    private void SayEnd(uint turn) => Send(new LinkFrame(FrameKind.End, Mark: new SpeechMark(turn, 0, 0)));

    private void Send(in LinkFrame frame)
    {
        if (!_stt.TrySend(frame))
        {
            LogRefused(_logger, _stt.Call, frame.Mark.Turn);
        }
    }

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "Call {Call}: utterance {Turn} is given up, because {Most} others wait behind it to be taken in"
    )]
    private static partial void LogForgotten(ILogger logger, CallId call, uint turn, int most);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Call {Call}: a piece of utterance {Turn} finds no room on its way; it is said again when the service is back"
    )]
    private static partial void LogRefused(ILogger logger, CallId call, uint turn);
}
