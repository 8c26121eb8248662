using System.Buffers;
using Pollard.Protocol.HostLink;

namespace Pollard.Tasks.Dispatch;

/// <content>The first words of a host that goes on with an answer: they are held back while it may be giving the answer anew.</content>
public sealed partial class Attempt
{
    private SeamGuard? _seam; // Null once it is clear that it goes on, and for those that begin an answer.
    private List<HeldPiece>? _held; // Pieces that the host has sent and nobody has seen; not in the log yet, but numbered.

    /// <summary>Has what it says first looked at. Called before it is offered.</summary>
    internal void Guard(SeamGuard? seam)
    {
        lock (Task.Log.Gate)
        {
            _seam = seam;
        }
    }

    // False when the host gives the answer anew. The caller holds the log's gate.
    private bool PassesSeam(DeltaKind kind, ushort choice, in ReadOnlySequence<byte> data, int tokens)
    {
        if (kind == DeltaKind.Progress && _held is null)
        {
            Keep(kind, choice, data, tokens);
            return true;
        }

        switch (_seam!.Look(kind, choice, data))
        {
            case SeamVerdict.StartsOver:
                return false;
            case SeamVerdict.Unclear:
                (_held ??= []).Add(new HeldPiece(kind, choice, data.ToArray(), tokens));
                LastPhaseAt = _core.Time.GetTimestamp(); // It is at work, even though nothing of it is shown.
                return true;
            default:
                LetGo();
                Keep(kind, choice, data, tokens);
                return true;
        }
    }

    // The same at the end of its answer.
    private bool EndsBeyondSeam()
    {
        if (_seam?.AtEnd() == SeamVerdict.StartsOver)
        {
            return false;
        }

        LetGo();
        return true;
    }

    private void LetGo()
    {
        var held = _held;
        (_seam, _held) = (null, null);
        foreach (var (kind, choice, data, tokens) in held ?? [])
        {
            Keep(kind, choice, new ReadOnlySequence<byte>(data), tokens); // Piece by piece: their numbers are those of events.
        }
    }

    private readonly record struct HeldPiece(DeltaKind Kind, ushort Choice, byte[] Data, int Tokens);
}
