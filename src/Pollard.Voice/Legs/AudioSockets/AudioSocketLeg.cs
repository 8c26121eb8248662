using System.Diagnostics;
using System.Threading.Channels;
using Pollard.Voice.Audio;
using Pollard.Voice.Links;

namespace Pollard.Voice.Legs.AudioSockets;

/// <summary>One call on a connection of its own. What the other side does not read in time is dropped: sound that is late is worth nothing.</summary>
internal sealed class AudioSocketLeg : ICallLeg
{
    /// <summary>What it is called in what is measured.</summary>
    public const string Kind = "audiosocket";

    private const string Keys = "0123456789*#ABCD";
    private const int MostWaiting = 50; // Frames, 1 s.
    private static readonly TimeSpan GoodbyeWithin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Frame = TimeSpan.FromSeconds(1.0 / 50);
    private readonly AudioSocketConnection _connection;
    private readonly AudioSocketSettings _settings;
    private readonly FrameClock _clock;
    private readonly TimeProvider _time;
    private readonly Channel<byte[]> _unsent = Channel.CreateBounded<byte[]>(MostWaiting);
    private readonly TaskCompletionSource<string> _unread = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly float[] _samples = new float[Playout.FrameBytes];
    private int _unreadFrames; // In a row.

    /// <param name="call">The call.</param>
    /// <param name="connection">Its connection, which stays its owner's.</param>
    /// <param name="settings">How long it waits.</param>
    /// <param name="clock">The clock of all calls.</param>
    /// <param name="time">The clock.</param>
    public AudioSocketLeg(
        CallId call,
        AudioSocketConnection connection,
        AudioSocketSettings settings,
        FrameClock clock,
        TimeProvider time
    )
    {
        (Call, _connection, _settings, _clock, _time) = (call, connection, settings, clock, time);
    }

    /// <inheritdoc/>
    public CallId Call { get; }

    /// <inheritdoc/>
    public string Caller => $"AudioSocket {_connection.Peer}";

    /// <inheritdoc/>
    public int Rate => G711.Rate;

    /// <inheritdoc/>
    public Playout Playout { get; } = new(new PlayoutOptions());

    /// <summary>Ends when nobody has the leg any more.</summary>
    public Task Over => _over.Task;

    /// <inheritdoc/>
    public async Task<string> RunAsync(ICallerEar ear, CancellationToken ct)
    {
        var hearing = new CallerHearing(ear, _settings.MostSilence);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var reading = ReadAsync(hearing, over.Token);
        var writing = WriteAsync(over.Token);
        try
        {
            using var line = _clock.Add(Playout, (_, frame, _) => Send(hearing, frame));
            return await await Task.WhenAny(reading, writing, hearing.Gone, _unread.Task);
        }
        catch (InvalidDataException e)
        {
            return $"the other side sends what is no AudioSocket: {e.Message}";
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            return $"the connection is lost: {e.Message}";
        }
        catch (OperationCanceledException)
        {
            return "this side has ended it";
        }
        finally
        {
            await over.CancelAsync();
            await Task.WhenAll((Task)reading, writing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await SayOverAsync();
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _over.TrySetResult();
        return ValueTask.CompletedTask;
    }

    private async Task<string> ReadAsync(CallerHearing hearing, CancellationToken ct)
    {
        var samples = new float[AudioSocketFrame.MostBytes / sizeof(short)];
        while (true)
        {
            var (kind, payload) = await _connection.ReadAsync(ct);
            hearing.Came();
            switch (kind)
            {
                case AudioSocketKind.Hangup:
                    return "the caller hung up";
                case AudioSocketKind.Error:
                    return $"the other side failed, with code {(payload.IsEmpty ? 0 : payload.Span[0])}";
                case >= AudioSocketKind.FirstFasterSound and <= AudioSocketKind.LastFasterSound:
                    return $"its sound has more than {Rate} samples a second (kind 0x{(int)kind:x2}): the channel's must be slin";
                case AudioSocketKind.Key when payload.Length == 1 && Keys.Contains((char)payload.Span[0]):
                    hearing.Press((char)payload.Span[0]);
                    break;
                case AudioSocketKind.Sound:
                    var heard = samples.AsSpan(0, payload.Length / sizeof(short));
                    Samples.Decode(SampleEncoding.Pcm16, payload.Span, heard);
                    hearing.Hear(heard);
                    break;
            }
        }
    }

    private async Task<string> WriteAsync(CancellationToken ct)
    {
        await foreach (var frame in _unsent.Reader.ReadAllAsync(ct))
        {
            await _connection.WriteAsync(frame, ct);
        }

        throw new UnreachableException("Frames come until it is cancelled.");
    }

    private void Send(CallerHearing hearing, ReadOnlySpan<byte> codes)
    {
        // hot: each call, each 20 ms.
        hearing.Tick();
        G711.Decode(Playout.Law, codes, _samples);
        var frame = AudioSocketFrame.New(AudioSocketKind.Sound, codes.Length * sizeof(short));
        Samples.Encode(SampleEncoding.Pcm16, _samples, frame.AsSpan(AudioSocketFrame.HeadBytes));
        if (_unsent.Writer.TryWrite(frame))
        {
            _unreadFrames = 0;
            return;
        }

        LegMetrics.Unsent(Kind);
        if (++_unreadFrames >= _settings.MostUnread / Frame)
        {
            _unread.TrySetResult($"the other side has read nothing for {_settings.MostUnread.TotalSeconds:0.#} s");
        }
    }

    private async Task SayOverAsync()
    {
        using var within = new CancellationTokenSource(GoodbyeWithin, _time);
        try
        {
            await _connection.WriteAsync(AudioSocketFrame.New(AudioSocketKind.Hangup, 0), within.Token);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
        {
            // Who is gone, or does not read, need not be told.
        }
    }
}
