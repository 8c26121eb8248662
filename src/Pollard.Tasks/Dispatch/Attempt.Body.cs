using System.Buffers;
using System.Text.Json;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Storage;

namespace Pollard.Tasks.Dispatch;

/// <content>
/// Bodies that may be of any size. Where a client reads along they go through: what it has read leaves the memory. Those of durable
/// tasks go to a file as soon as they are large, and the log says only how long each piece was.
/// </content>
public sealed partial class Attempt
{
    private const int BodyInLogBytes = 256 * 1024;
    private readonly Lock _bodyGate = new(); // The disk is not waited for with the log's gate, for which the engine may wait.
    private IBodyWriter? _body;
    private long _bodyBytes;
    private bool _isBodyInFile;

    /// <summary>The kind of work has bodies that need not be in the log.</summary>
    private bool KeepsBodyApart { get; }

    private bool HasBodyStore =>
        KeepsBodyApart && Task.Row.Durability == Durability.Full && _core.Store.Bodies is not null;

    /// <summary>What to say when the disk does not take a body.</summary>
    internal static TaskError NotKept(IOException why) =>
        new("body_not_kept", $"the body of the answer could not be written: {why.Message}", Retryable: true);

    /// <summary>For an attempt that was taken up after a restart: how much of a body its log knows of.</summary>
    internal void RestoreBody(long bytes, bool isInFile) => (_bodyBytes, _isBodyInFile) = (bytes, isInFile);

    /// <summary>All of the body is there. What is known of it; null when all of it is in the log.</summary>
    /// <exception cref="IOException">The file is not what was written.</exception>
    internal BodyFacts? EndBody()
    {
        lock (_bodyGate)
        {
            return _isBodyInFile ? new BodyFacts(_bodyBytes, OpenBody().Checksum())
                : Task.Log.DropsBodies ? new BodyFacts(_bodyBytes, Checksum: null)
                : null;
        }
    }

    private AppendOutcome AppendBody(int seq, in ReadOnlySequence<byte> data)
    {
        TaskError error;
        lock (_bodyGate)
        {
            lock (Task.Log.Gate)
            {
                if (Check(seq) is var outcome && outcome != AppendOutcome.Taken)
                {
                    return outcome;
                }
            }

            try
            {
                if (_bodyBytes + data.Length <= _core.Options.MaxBodyBytes)
                {
                    var goesToFile = HasBodyStore && (_isBodyInFile || _bodyBytes + data.Length > BodyInLogBytes);
                    return goesToFile
                        ? KeepBody(seq, DeltaKind.BodyElsewhere, WriteBody(data), data.Length)
                        : KeepBody(seq, DeltaKind.Body, data, data.Length);
                }

                error = new TaskError(
                    "output_too_large",
                    $"the body of the answer is over the limit of {_core.Options.MaxBodyBytes} bytes"
                );
            }
            catch (IOException e)
            {
                error = NotKept(e);
            }
            catch (ObjectDisposedException)
            {
                return AppendOutcome.Fenced; // The task ended while the disk worked.
            }
        }

        _core.FailAttempt(this, error, TimeSpan.Zero);
        return AppendOutcome.Fenced;
    }

    private AppendOutcome KeepBody(int seq, DeltaKind kind, in ReadOnlySequence<byte> kept, long length)
    {
        lock (Task.Log.Gate)
        {
            if (Check(seq) is var outcome && outcome != AppendOutcome.Taken)
            {
                return outcome; // It was fenced while the disk worked. The next attempt has a file of its own.
            }

            NextSeq++;
            _outputBytes += length;
            _bodyBytes += length;
            NoteCredit();
            Keep(kind, 0, kept, tokens: 0);
            return AppendOutcome.Taken;
        }
    }

    // The file has the body from its beginning, also what is in the log.
    private ReadOnlySequence<byte> WriteBody(in ReadOnlySequence<byte> data)
    {
        var body = OpenBody();
        if (body.Length == 0)
        {
            foreach (var piece in InLog())
            {
                body.Write(new ReadOnlySequence<byte>(piece));
            }

            _isBodyInFile = true;
        }

        body.Write(data);
        return new ReadOnlySequence<byte>(BodyPieces.Mark(data.Length));
    }

    private List<ReadOnlyMemory<byte>> InLog()
    {
        lock (Task.Log.Gate)
        {
            return
            [
                .. Task
                    .Log.Slice(FirstEvent)
                    .Where(static piece => piece.Kind == DeltaKind.Body)
                    .Select(static piece => piece.Data),
            ];
        }
    }

    private IBodyWriter OpenBody()
    {
        if (_body is null)
        {
            var store = _core.Store.Bodies!;
            _body = _isBodyInFile ? store.Continue(TaskId, _bodyBytes) : store.Create(TaskId);
            lock (Task.Log.Gate)
            {
                Task.Body = _body;
            }
        }

        return _body;
    }

    private void NoteCredit() =>
        IsBeyondCredit = _outputBytes - _creditedBytes > LinkLimits.CreditWindowBytes + CreditBytes;
}

/// <summary>What stands in a log for pieces of bodies whose bytes are elsewhere.</summary>
public static class BodyPieces
{
    /// <summary>The mark of a piece of that many bytes.</summary>
    internal static byte[] Mark(long bytes) =>
        System.Text.Encoding.ASCII.GetBytes(FormattableString.Invariant($"{{\"bytes\":{bytes}}}"));

    /// <summary>How many bytes the piece has.</summary>
    public static long BytesOf(ReadOnlySpan<byte> mark)
    {
        var json = new Utf8JsonReader(mark);
        return json.Read() && json.Read() && json.Read() && json.TryGetInt64(out var bytes) ? bytes : 0;
    }
}
