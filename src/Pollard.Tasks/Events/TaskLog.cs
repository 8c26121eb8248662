using System.Buffers;
using Pollard.Protocol.HostLink;

namespace Pollard.Tasks.Events;

/// <summary>
/// A task's events in memory, with the marks of how far they are written and shown. Its lock also guards the task's row and
/// its saving (<see cref="LiveTask"/>): whoever holds the engine's lock may take it, never the other way round.
/// </summary>
internal sealed class TaskLog(int first)
{
    private const int ChunkBytes = 4 * 1024;
    private readonly List<TaskEvent> _events = [];
    private byte[] _chunk = [];
    private int _used;
    private Waiter? _waiters;

    /// <summary>Events before this number are only in the store.</summary>
    public int First { get; } = first;

    /// <summary>The number of the next event.</summary>
    public int Count => First + _events.Count;

    /// <summary>Events below this number are on disk.</summary>
    public int Stored { get; set; } = first;

    /// <summary>Readers see events below this number.</summary>
    public int Visible { get; private set; } = first;

    /// <summary>Bytes of events held in memory.</summary>
    public long Bytes { get; private set; }

    /// <summary>Bytes of output that the foremost reader has read.</summary>
    public long ReadBytes { get; private set; }

    /// <summary>Pieces of a body leave the memory when their reader has them (<see cref="TaskHandle.TakeEvents"/>).</summary>
    public bool DropsBodies { get; set; }

    /// <summary>Guards everything here.</summary>
    public Lock Gate { get; } = new();

    private int _foremost = first;

    /// <summary>Adds an event; its data are taken as they are. The caller holds the gate.</summary>
    public void Append(TaskEventType type, ReadOnlyMemory<byte> data, long unixMilliseconds)
    {
        _events.Add(new TaskEvent(Count, unixMilliseconds, type, default, 0, data));
        Bytes += data.Length;
    }

    /// <summary>Adds output; its bytes are copied. The caller holds the gate.</summary>
    public void AppendOutput(DeltaKind kind, ushort choice, in ReadOnlySequence<byte> data, long unixMilliseconds)
    {
        // hot: one call a token (bench: stream).
        var type = kind == DeltaKind.Progress ? TaskEventType.Phase : TaskEventType.Delta;
        _events.Add(new TaskEvent(Count, unixMilliseconds, type, kind, choice, Copy(data)));
        Bytes += data.Length;
    }

    /// <summary>Adds an event that the store had. The caller holds the gate.</summary>
    public void Load(in TaskEvent stored)
    {
        _events.Add(stored);
        Bytes += stored.Data.Length;
        Stored = Count;
        Visible = Count;
    }

    /// <summary>An event that is in memory. The caller holds the gate.</summary>
    public TaskEvent this[int seq] => _events[seq - First];

    /// <summary>The events from this number on that are in memory, packed. The caller holds the gate.</summary>
    public EventSegment? Pack(int from) =>
        from < Count
            ? EventSegment.Pack(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_events)[(from - First)..])
            : null;

    /// <summary>A copy of the list of events from this number on. The caller holds the gate.</summary>
    public List<TaskEvent> Slice(int from) => Slice(from, Count);

    /// <summary>The same, up to <paramref name="to"/>, which is not in it.</summary>
    public List<TaskEvent> Slice(int from, int to) => _events.GetRange(from - First, to - from);

    /// <summary>Notes that a reader has read an event, for the credit of the host that sends. The caller holds the gate.</summary>
    public void NoteRead(in TaskEvent read)
    {
        if (read.Seq >= _foremost)
        {
            _foremost = read.Seq + 1;
            ReadBytes += read.Data.Length;
            if (DropsBodies && read.Kind == DeltaKind.Body)
            {
                _events[read.Seq - First] = read with
                {
                    Kind = DeltaKind.BodyElsewhere,
                    Data = Dispatch.BodyPieces.Mark(read.Data.Length),
                };
            }
        }
    }

    /// <summary>Shows events below this number. Answers with the waiters to be completed once the gate is left.</summary>
    public Waiter? Show(int visible, bool final)
    {
        if (visible <= Visible && !final)
        {
            return null; // Of the row alone: nobody who reads on has anything to read.
        }

        Visible = Math.Max(Visible, visible);
        Waiter? due = null;
        for (ref var link = ref _waiters; link is { } waiter; )
        {
            if (waiter.OnlyFinal && !final)
            {
                link = ref waiter.NextInLog;
                continue;
            }

            link = waiter.NextInLog;
            waiter.NextInLog = due;
            due = waiter;
        }

        return due;
    }

    /// <summary>Adds a waiter. The caller holds the gate and has seen that there is nothing to wait for yet.</summary>
    public void Add(Waiter waiter)
    {
        waiter.NextInLog = _waiters;
        _waiters = waiter;
    }

    /// <summary>Takes a waiter out that gave up; false when it was taken already.</summary>
    public bool Remove(Waiter waiter)
    {
        for (ref var link = ref _waiters; link is { } found; link = ref found.NextInLog)
        {
            if (ReferenceEquals(found, waiter))
            {
                link = found.NextInLog;
                found.NextInLog = null;
                return true;
            }
        }

        return false;
    }

    private ReadOnlyMemory<byte> Copy(in ReadOnlySequence<byte> data)
    {
        var length = (int)data.Length;
        if (length > ChunkBytes / 4)
        {
            return data.ToArray();
        }

        if (_chunk.Length - _used < length)
        {
            // Short answers stay small; long ones do not take an array a token.
            _chunk = new byte[Math.Clamp(Math.Max(_chunk.Length * 2, length), 256, ChunkBytes)];
            _used = 0;
        }

        data.CopyTo(_chunk.AsSpan(_used));
        _used += length;
        return _chunk.AsMemory(_used - length, length);
    }
}
