using System.IO.Hashing;
using Pollard.Tasks;

namespace Pollard.Gateway.Requests;

/// <summary>Hashes a chat's messages one after the other, and keeps the beginnings that an earlier request may have ended with.</summary>
internal ref struct PromptHash
{
    private const int LeastBytes = 1024; // Reading less again costs a host next to nothing.
    private PromptPrefix _head;
    private PromptPrefix _earlier;
    private PromptPrefix _whole;

    /// <summary>What was found.</summary>
    public readonly PromptPrefixes Prefixes => new(WorthIt(_head), WorthIt(_earlier), WorthIt(_whole));

    /// <summary>The next message, as it stands in the request.</summary>
    public void Add(ReadOnlySpan<byte> message, bool isAnswer)
    {
        // hot: every message; guarded by the chat benchmark.
        if (isAnswer)
        {
            _earlier = _whole;
        }

        _whole = new PromptPrefix(
            XxHash3.HashToUInt64(message, unchecked((long)_whole.Hash)),
            _whole.Bytes + message.Length
        );
        if (_head.Hash == 0)
        {
            _head = _whole;
        }
    }

    private static PromptPrefix WorthIt(in PromptPrefix prefix) => prefix.Bytes < LeastBytes ? default : prefix;
}
