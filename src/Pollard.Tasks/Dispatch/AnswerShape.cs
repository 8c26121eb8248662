using Pollard.Protocol.HostLink;

namespace Pollard.Tasks.Dispatch;

/// <summary>What an answer consists of so far, as far as it matters for going on with it.</summary>
internal struct AnswerShape
{
    private const int BytesPerToken = 4;

    private bool _hasText;
    private bool _hasReasoning;
    private bool _isBroken;

    /// <summary>Bytes so far.</summary>
    public int Bytes { get; private set; }

    /// <summary>Tokens so far, about as many as bytes let expect where a host did not tell.</summary>
    public int Tokens { get; private set; }

    /// <summary>Takes in one more piece, with the tokens that it has; 0: not known.</summary>
    public void Add(DeltaKind kind, int choice, int bytes, int tokens)
    {
        // hot: one call a token (bench: stream).
        if (kind is not (DeltaKind.Progress or DeltaKind.Body or DeltaKind.BodyElsewhere))
        {
            Bytes += bytes;
            Tokens += tokens > 0 ? tokens : Math.Max(1, bytes / BytesPerToken);
        }

        switch (kind)
        {
            case DeltaKind.Progress:
                break;
            case DeltaKind.Content when choice == 0:
                _hasText = true;
                break;
            case DeltaKind.Reasoning when choice == 0 && !_hasText:
                _hasReasoning = true;
                break;
            default:
                _isBroken = true; // A tool call, a second answer, log-probabilities: none of these has a seam.
                break;
        }
    }

    /// <summary>How another host may go on with it, as far as the answer allows.</summary>
    public readonly Continuations Allowed =>
        _isBroken || !(_hasText || _hasReasoning) ? Continuations.None
        : _hasReasoning ? Continuations.Replay // No template takes the half of a thought for its own.
        : Continuations.Prefill | Continuations.Replay;
}
