using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Gateway;

/// <summary>Output of one attempt that goes up in one request, and the words about the attempt that must not overtake it.</summary>
internal sealed class LongPollOutput(uint handle)
{
    /// <summary>The attempt.</summary>
    public uint Handle { get; } = handle;

    /// <summary>The output frames.</summary>
    public PooledBuffer Frames { get; } = new();

    /// <summary>The number of the first output frame.</summary>
    public uint First { get; set; }

    /// <summary>The number of the last output frame.</summary>
    public uint Last { get; set; }

    /// <summary>The attempt's end, to be said after the output.</summary>
    public PooledBuffer Words { get; } = new();
}

/// <summary>
/// What waits to go up by carrier C, sorted: output by attempt, and words for the next turn. Words pass output of other attempts,
/// never that of their own. Bodies get their numbers here, in the order in which they may be taken.
/// </summary>
internal sealed class LongPollOutbox
{
    private readonly Lock _gate = new();
    private readonly PooledBuffer _words = new();
    private readonly HashSet<uint> _uploading = [];
    private Dictionary<uint, LongPollOutput> _output = [];
    private TaskCompletionSource _hasWords = NewSignal();
    private TaskCompletionSource _hasOutput = NewSignal();
    private TaskCompletionSource _wordsTaken = NewSignal();
    private bool _isComplete;
    private int _number = 1; // The hello was 0.

    /// <summary>Sorts a frame in; its payload is copied.</summary>
    public void Add(in Frame frame)
    {
        var header = frame.Header;
        if (header.Type == FrameType.Heartbeat)
        {
            return; // Every turn is one.
        }

        lock (_gate)
        {
            if (header.Type == FrameType.Delta)
            {
                var output = Output(header.Attempt);
                output.First = output.Frames.Length == 0 ? header.Sequence : output.First;
                output.Last = header.Sequence;
                Copy(frame, output.Frames);
                _hasOutput.TrySetResult();
            }
            else if (_output.ContainsKey(header.Attempt) || _uploading.Contains(header.Attempt))
            {
                Copy(frame, Output(header.Attempt).Words);
                _hasOutput.TrySetResult();
            }
            else
            {
                Copy(frame, _words);
                _hasWords.TrySetResult();
            }
        }
    }

    /// <summary>Nothing more will be added.</summary>
    public void Complete()
    {
        lock (_gate)
        {
            _isComplete = true;
            _hasOutput.TrySetResult();
        }
    }

    /// <summary>The words for the next turn, and the number of its body; and what ends when there are more.</summary>
    public (byte[] Frames, int Number, Task HasMore) TakeWords()
    {
        lock (_gate)
        {
            if (_words.Length == 0)
            {
                return ([], 0, _hasWords.Task);
            }

            var frames = _words.Written.ToArray();
            _words.Clear();
            _hasWords = NewSignal();
            _wordsTaken.TrySetResult();
            _wordsTaken = NewSignal();
            return (frames, _number++, _hasWords.Task);
        }
    }

    /// <summary>Ends when there is output to go up, or when there never will be.</summary>
    public Task HasOutputAsync()
    {
        lock (_gate)
        {
            return _hasOutput.Task;
        }
    }

    /// <summary>All output that waits; null when it was the last.</summary>
    public IReadOnlyCollection<LongPollOutput>? TakeOutput()
    {
        lock (_gate)
        {
            if (_output.Count == 0 && _isComplete)
            {
                return null;
            }

            var taken = _output.Values;
            _uploading.UnionWith(_output.Keys);
            _output = [];
            _hasOutput = _isComplete ? _hasOutput : NewSignal();
            return taken;
        }
    }

    /// <summary>The number of an upload's body, once every word before it has its number.</summary>
    public async Task<int> NextNumberAsync(CancellationToken ct)
    {
        while (true)
        {
            Task taken;
            lock (_gate)
            {
                if (_words.Length == 0)
                {
                    return _number++;
                }

                taken = _wordsTaken.Task;
            }

            await taken.WaitAsync(ct);
        }
    }

    /// <summary>An attempt's output is up: now its words may go, also those that came meanwhile.</summary>
    public void Uploaded(LongPollOutput output)
    {
        lock (_gate)
        {
            _uploading.Remove(output.Handle);
            Say(output.Words);
            if (_output.TryGetValue(output.Handle, out var later) && later.Frames.Length == 0)
            {
                Say(later.Words);
                _output.Remove(output.Handle);
            }
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static void Copy(in Frame frame, PooledBuffer into)
    {
        frame.Header.WriteTo(into.GetSpan(FrameHeader.Size));
        into.Advance(FrameHeader.Size);
        foreach (var piece in frame.Payload)
        {
            into.Append(piece.Span);
        }
    }

    private LongPollOutput Output(uint handle)
    {
        if (!_output.TryGetValue(handle, out var output))
        {
            _output[handle] = output = new LongPollOutput(handle);
        }

        return output;
    }

    private void Say(PooledBuffer words)
    {
        if (words.Length > 0)
        {
            _words.Append(words.Written.Span);
            words.Clear();
            _hasWords.TrySetResult();
        }
    }
}
