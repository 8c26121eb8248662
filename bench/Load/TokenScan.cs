using System.Buffers.Text;
using System.Diagnostics;

namespace Pollard.Bench.Load;

/// <summary>Finds the script's tokens in whatever dialect carries them, and notes how long each took.</summary>
internal sealed class TokenScan
{
    /// <summary>Bytes of a token: a moment of 18 digits between marks.</summary>
    public const int TokenBytes = 20;

    private int _marks;
    private readonly long _sent = Stopwatch.GetTimestamp();

    /// <summary>From the request to its first token, in stopwatch ticks; 0: none came.</summary>
    public long First { get; private set; }

    /// <summary>From the making of each token to its reading, in stopwatch ticks.</summary>
    public List<long> Latencies { get; } = new(64);

    /// <summary>Tokens that came, also those that a frame's end cut in two.</summary>
    public int Count => _marks / 2;

    /// <summary>Looks at what a read brought.</summary>
    /// <param name="bytes">The end of what was seen before, and what is new.</param>
    /// <param name="seen">How much of it was seen before.</param>
    public void See(ReadOnlySpan<byte> bytes, int seen)
    {
        _marks += bytes[seen..].Count((byte)'~');
        var now = Stopwatch.GetTimestamp();
        while (bytes.IndexOf((byte)'~') is >= 0 and var at && bytes.Length - at >= TokenBytes)
        {
            if (
                bytes[at + TokenBytes - 1] != '~'
                || !Utf8Parser.TryParse(bytes.Slice(at + 1, 18), out long made, out _)
            )
            {
                bytes = bytes[(at + 1)..];
                continue;
            }

            First = First == 0 ? now - _sent : First;
            Latencies.Add(now - made);
            bytes = bytes[(at + TokenBytes)..];
        }
    }
}
