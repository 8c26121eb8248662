using System.Threading.Channels;

namespace Pollard.Voice.Audio;

/// <summary>
/// What one caller is to hear: G.711 that waits here until it is its turn, 20 ms at a time. <see cref="PlayoutSource"/>s bring it, one for
/// each connection, and the <see cref="FrameClock"/> takes it.
/// </summary>
internal sealed class Playout
{
    /// <summary>Bytes of a frame, 20 ms.</summary>
    public const int FrameBytes = 160;

    private const int MostSentences = 1_024;
    private readonly Lock _gate = new();
    private readonly ByteRing _waiting;
    private readonly Queue<Sentence> _sentences = new();
    private readonly Channel<Played> _played = Channel.CreateBounded<Played>(
        new BoundedChannelOptions(MostSentences) { FullMode = BoundedChannelFullMode.DropOldest } // For who does not look.
    );
    private readonly int _leadBytes;
    private Sentence? _open; // The last one, where more of it may come.
    private TaskCompletionSource? _room; // Only while somebody waits for it.
    private int _roomWanted;
    private uint _generation;
    private int _heldFrames; // For how long the beginning has waited for more.
    private bool _isPlaying;
    private SpeechMark? _begun; // A sentence whose first sound is in this frame.
    private bool _isPaused;

    /// <exception cref="ArgumentOutOfRangeException">A time is outside of its bounds.</exception>
    public Playout(PlayoutOptions options)
    {
        ThrowIfOutside(options.Most, 1, 600);
        ThrowIfOutside(options.Lead, 0, 1);
        Law = options.Law;
        _waiting = new ByteRing(BytesOf(options.Most));
        _leadBytes = BytesOf(options.Lead);
    }

    /// <summary>How sound is packed.</summary>
    public G711Law Law { get; }

    /// <summary>What became of sentences, in their order, as soon as they are over.</summary>
    public ChannelReader<Played> Finished => _played.Reader;

    /// <summary>Called with the first frame of a sentence, by who takes frames; returns at once.</summary>
    public Action<SpeechMark> Begun { get; set; } = static _ => { };

    /// <summary>How much waits.</summary>
    public TimeSpan Depth
    {
        get
        {
            lock (_gate)
            {
                return LengthOf(_waiting.Count);
            }
        }
    }

    /// <summary>The sentence that is being heard, so far; null: none is.</summary>
    public Played? Now
    {
        get
        {
            lock (_gate)
            {
                return _sentences.TryPeek(out var sentence) && sentence.PlayedBytes > 0
                    ? new Played(sentence.Mark, LengthOf(sentence.PlayedBytes), IsWhole: false)
                    : null;
            }
        }
    }

    /// <summary>Whether nothing is played for now, from the next frame on: somebody seems to speak. What waits goes on where it was.</summary>
    public bool IsPaused
    {
        get => Volatile.Read(ref _isPaused);
        set => Volatile.Write(ref _isPaused, value);
    }

    /// <summary>
    /// The caller has interrupted: what waits is dropped, from the next frame on, and what still comes of it is not taken. What comes after
    /// the interruption may be here before the word of it is, and stays.
    /// </summary>
    /// <param name="generation">The first that is played again.</param>
    /// <returns>How much was dropped.</returns>
    public TimeSpan Flush(uint generation)
    {
        lock (_gate)
        {
            _generation = Math.Max(_generation, generation);
            var dropped = 0;
            while (_sentences.TryPeek(out var sentence) && sentence.Mark.Generation < _generation)
            {
                dropped += sentence.WaitingBytes;
                Report(_sentences.Dequeue(), isWhole: false);
            }

            _waiting.Skip(dropped);
            _open = _sentences.Count == 0 ? null : _open;
            (_isPlaying, _isPaused, _heldFrames) = (false, false, 0);
            SignalRoom();
            return LengthOf(dropped);
        }
    }

    /// <summary>Takes what is to be heard in the next 20 ms; silence where there is nothing.</summary>
    /// <returns>Whether there is anything but silence.</returns>
    public bool Take(Span<byte> frame)
    {
        // hot: each call, each 20 ms. No more than copying.
        var count = 0;
        SpeechMark? begun;
        lock (_gate)
        {
            _begun = null;
            if (!_isPaused && MayPlay())
            {
                count = _waiting.Take(frame[..FrameBytes]);
                Advance(count);
                SignalRoom();
            }

            begun = _begun;
        }

        if (begun is { } mark)
        {
            Begun(mark);
        }

        frame[count..FrameBytes].Fill(G711.SilenceOf(Law));
        return count > 0;
    }

    /// <summary>Adds packed sound, all of it or nothing.</summary>
    public PlayoutTaken TryAdd(ReadOnlySpan<byte> codes, SpeechMark mark)
    {
        lock (_gate)
        {
            if (mark.Generation < _generation)
            {
                return PlayoutTaken.Interrupted;
            }

            var isNew = _open?.Mark != mark;
            if (_waiting.Room < codes.Length || (isNew && _sentences.Count >= MostSentences))
            {
                return PlayoutTaken.Full;
            }

            if (isNew)
            {
                EndOpen();
                _sentences.Enqueue(_open = new Sentence(mark));
            }

            _waiting.Add(codes);
            _open!.WaitingBytes += codes.Length;
            return PlayoutTaken.Yes;
        }
    }

    /// <summary>Nothing more of a sentence comes.</summary>
    public void End(SpeechMark mark)
    {
        lock (_gate)
        {
            if (_open?.Mark == mark)
            {
                EndOpen();
            }
        }
    }

    /// <summary>Waits until there may be room for so many bytes, or something has changed.</summary>
    public Task RoomAsync(int bytes, CancellationToken ct)
    {
        lock (_gate)
        {
            if (_waiting.Room >= bytes && _sentences.Count < MostSentences)
            {
                return Task.CompletedTask;
            }

            _roomWanted = Math.Max(_roomWanted, bytes);
            _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _room.Task.WaitAsync(ct);
        }
    }

    private static int BytesOf(TimeSpan length) => (int)(length.TotalSeconds * G711.Rate);

    private static TimeSpan LengthOf(int bytes) => TimeSpan.FromSeconds(bytes / (double)G711.Rate);

    private static void ThrowIfOutside(TimeSpan length, int leastSeconds, int mostSeconds)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, TimeSpan.FromSeconds(leastSeconds));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, TimeSpan.FromSeconds(mostSeconds));
    }

    private bool MayPlay()
    {
        if (_waiting.Count == 0)
        {
            if (_isPlaying && _open is not null)
            {
                AudioMetrics.Gap();
            }

            _isPlaying = false;
        }
        else if (!_isPlaying)
        {
            // What is all there need not wait for more, and what is not does not for ever.
            var held = _heldFrames++ * FrameBytes;
            _isPlaying = _waiting.Count >= _leadBytes || _sentences.Peek() != _open || held >= _leadBytes;
            _heldFrames = _isPlaying ? 0 : _heldFrames;
        }

        return _isPlaying;
    }

    // Also past sentences that had no sound.
    private void Advance(int bytes)
    {
        while (_sentences.TryPeek(out var sentence))
        {
            var part = Math.Min(bytes, sentence.WaitingBytes);
            if (part > 0 && sentence.PlayedBytes == 0)
            {
                _begun = sentence.Mark;
            }

            sentence.WaitingBytes -= part;
            sentence.PlayedBytes += part;
            bytes -= part;
            if (sentence.WaitingBytes > 0 || sentence == _open)
            {
                break;
            }

            Report(_sentences.Dequeue(), isWhole: true);
        }
    }

    private void EndOpen()
    {
        _open = null;
        Advance(0); // It may have been heard already.
    }

    private void Report(Sentence sentence, bool isWhole) =>
        _played.Writer.TryWrite(new Played(sentence.Mark, LengthOf(sentence.PlayedBytes), isWhole));

    private void SignalRoom()
    {
        if (_room is not null && _waiting.Room >= _roomWanted)
        {
            _room.TrySetResult();
            (_room, _roomWanted) = (null, 0);
        }
    }

    private sealed class Sentence(SpeechMark mark)
    {
        public SpeechMark Mark { get; } = mark;

        public int WaitingBytes { get; set; }

        public int PlayedBytes { get; set; }
    }
}
