namespace Pollard.Voice.Links;

/// <summary>A frame as its bytes.</summary>
/// <param name="Bytes">The bytes.</param>
/// <param name="Number">Its number on the link; 0: it has none.</param>
internal readonly record struct LinkPiece(ReadOnlyMemory<byte> Bytes, uint Number)
{
    /// <summary>Whether it was said already, on a connection that broke before it was known to have arrived.</summary>
    public bool WasSaid { get; init; }

    /// <summary>No frame.</summary>
    public bool IsEmpty => Bytes.IsEmpty;
}

/// <summary>
/// What a link has to send, as its bytes, in order. A piece counts until it has reached the other machine: what a broken connection took
/// with it is put back, and goes first on the next. There is a bound; what does not fit is refused, never dropped in silence.
/// </summary>
/// <param name="mostBytes">Bytes that are kept.</param>
internal sealed class LinkOutbox(int mostBytes)
{
    private readonly Lock _gate = new();
    private readonly LinkedList<LinkPiece> _waiting = [];
    private TaskCompletionSource _changed = NewSignal();
    private int _bytes;
    private bool _isEnded;

    /// <summary>Bytes that wait, or are not known to have arrived.</summary>
    public int Bytes
    {
        get
        {
            lock (_gate)
            {
                return _bytes;
            }
        }
    }

    /// <summary>Takes a piece. False: there is no room, or nothing is taken any more.</summary>
    public bool TryAdd(LinkPiece piece)
    {
        lock (_gate)
        {
            // One that is larger than the bound is taken where it is alone: the wire has its own limit.
            if (_isEnded || (_bytes > 0 && _bytes + piece.Bytes.Length > mostBytes))
            {
                return false;
            }

            _bytes += piece.Bytes.Length;
            _waiting.AddLast(piece);
            Signal();
            return true;
        }
    }

    /// <summary>True: nothing is taken any more.</summary>
    public bool IsEnded
    {
        get
        {
            lock (_gate)
            {
                return _isEnded;
            }
        }
    }

    /// <summary>Ends when something has changed, which may be before it is awaited: look again after asking for it.</summary>
    public Task ChangedAsync() => Volatile.Read(ref _changed).Task;

    /// <summary>Gives the next piece away, as soon as there is one; null: there will be none.</summary>
    public async ValueTask<LinkPiece?> TakeAsync(CancellationToken ct)
    {
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                ct.ThrowIfCancellationRequested();
                if (_waiting.First is { } first)
                {
                    _waiting.RemoveFirst();
                    return first.Value;
                }

                if (_isEnded)
                {
                    return null;
                }

                changed = _changed.Task;
            }

            await changed.WaitAsync(ct);
        }
    }

    /// <summary>Pieces that were given away have reached the other machine.</summary>
    public void Arrived(int bytes)
    {
        lock (_gate)
        {
            _bytes -= bytes;
            Signal();
        }
    }

    /// <summary>Pieces that were given away have not, and are to go first.</summary>
    public void PutBack(IEnumerable<LinkPiece> pieces)
    {
        lock (_gate)
        {
            foreach (var piece in pieces.Reverse())
            {
                _waiting.AddFirst(piece);
            }

            Signal();
        }
    }

    /// <summary>
    /// The other side is another process than the one before: what that one was told is not for this one, which asks for what it needs.
    /// </summary>
    public void ForgetSaid()
    {
        lock (_gate)
        {
            RemoveAll(static piece => piece.WasSaid);
            Signal();
        }
    }

    /// <summary>Takes pieces without numbers that go before all others, whatever room there is, in place of such ones from before.</summary>
    public void AddFirst(IReadOnlyCollection<LinkPiece> pieces)
    {
        lock (_gate)
        {
            RemoveAll(static piece => piece.Number == 0);
            _bytes += pieces.Sum(static piece => piece.Bytes.Length);
            PutBack(pieces);
        }
    }

    /// <summary>Nothing more is taken; what is here is still given away.</summary>
    public void End()
    {
        lock (_gate)
        {
            _isEnded = true;
            Signal();
        }
    }

    private void RemoveAll(Func<LinkPiece, bool> isUnwanted)
    {
        for (var node = _waiting.First; node is not null; )
        {
            var next = node.Next;
            if (isUnwanted(node.Value))
            {
                _waiting.Remove(node);
                _bytes -= node.Value.Bytes.Length;
            }

            node = next;
        }
    }

    private void Signal() => Interlocked.Exchange(ref _changed, NewSignal()).TrySetResult();

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
