using System.Buffers;
using System.Text;
using Pollard.Protocol.HostLink;

namespace Pollard.Tasks.Dispatch;

/// <summary>What a host does that is to go on with an answer, as far as its words show.</summary>
internal enum SeamVerdict : byte
{
    /// <summary>It goes on.</summary>
    GoesOn,

    /// <summary>It may do either: so far it has said what the answer began with.</summary>
    Unclear,

    /// <summary>It gives the answer anew.</summary>
    StartsOver,
}

/// <summary>
/// Compares what a host says first that is to go on with an answer with how that answer began. The longer the two are the same,
/// the surer it is that the host starts over, whatever it promised; one other character shows that it goes on.
/// </summary>
internal sealed class SeamGuard
{
    /// <summary>Characters of the beginning that no answer says again at the very place where it was cut, but by the rarest chance.</summary>
    public const int Telling = 48;

    /// <summary>An answer shorter than this may well go on with the words that it began with.</summary>
    public const int Least = 24;

    /// <summary>Characters that tell when one host was refused already: a refrain is over by then, an answer that is given anew is not.</summary>
    public const int MostTelling = 4096;

    private readonly string _shown;
    private readonly byte[] _beginning;
    private readonly int _least;
    private int _same;

    private SeamGuard(string shown, int telling, int least)
    {
        var cut = char.IsHighSurrogate(shown[telling - 1]) ? telling - 1 : telling;
        _shown = shown;
        _beginning = Encoding.UTF8.GetBytes(shown[..cut]);
        _least = Math.Min(least, cut);
    }

    /// <summary>What looks at how a host goes on with this text; null where that would tell nothing.</summary>
    /// <param name="shown">The text of the answer so far.</param>
    /// <param name="wasRefused">Another host has said its beginning again and was not believed: this one has to say all of it.</param>
    public static SeamGuard? For(string shown, bool wasRefused)
    {
        var telling = Math.Min(wasRefused ? MostTelling : Telling, shown.Length);
        return shown.Length < Least ? null : new SeamGuard(shown, telling, wasRefused ? telling : Least);
    }

    /// <summary>Takes the next piece of what the host says.</summary>
    public SeamVerdict Look(DeltaKind kind, int choice, in ReadOnlySequence<byte> data)
    {
        if (kind == DeltaKind.Reasoning)
        {
            return SeamVerdict.StartsOver; // Only text without thoughts is gone on with so, and amid its text nobody begins to think.
        }

        if (kind != DeltaKind.Content || choice != 0)
        {
            return kind == DeltaKind.Progress ? SeamVerdict.Unclear : SeamVerdict.GoesOn;
        }

        foreach (var part in data)
        {
            var compared = Math.Min(part.Length, _beginning.Length - _same);
            if (!part.Span[..compared].SequenceEqual(_beginning.AsSpan(_same, compared)))
            {
                return SeamVerdict.GoesOn;
            }

            _same += compared;
        }

        return _same < _beginning.Length ? SeamVerdict.Unclear : AtEnd();
    }

    /// <summary>What it does if nothing more comes.</summary>
    public SeamVerdict AtEnd()
    {
        var same = Encoding.UTF8.GetCharCount(_beginning.AsSpan(0, _same));
        return same < _least || SaysItAgain(same / 2) ? SeamVerdict.GoesOn : SeamVerdict.StartsOver;
    }

    // An answer that has come back to so much of its beginning before, as tables and chants do, may do so again.
    private bool SaysItAgain(int length) => _shown.IndexOf(_shown[..length], 1, StringComparison.Ordinal) > 0;
}
