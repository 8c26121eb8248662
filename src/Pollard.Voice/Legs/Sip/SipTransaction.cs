namespace Pollard.Voice.Legs.Sip;

/// <summary>A request that somebody has sent us, and what was answered to it.</summary>
/// <param name="transport">What sends.</param>
/// <param name="request">The request.</param>
/// <param name="from">Where it came from.</param>
/// <param name="back">Where its answers go, and with which <c>Via</c>.</param>
internal sealed class SipTransaction(
    SipTransport transport,
    SipMessage request,
    SipFlow from,
    (SipFlow To, string Via) back
)
{
    private readonly TaskCompletionSource<string> _acked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private byte[]? _last;

    /// <summary>The request.</summary>
    public SipMessage Request => request;

    /// <summary>Where it came from.</summary>
    public SipFlow From => from;

    /// <summary>Where its answers go.</summary>
    public SipFlow To => back.To;

    /// <summary>What we put to whom it is for, so that the sender tells our answers from those of others; in a call, the call's.</summary>
    public string Tag { get; } = SipText.Draw();

    /// <summary>Ends when its final answer has been heard, with what came along; of INVITE.</summary>
    public Task<string> Acked => _acked.Task;

    /// <summary>Ends when the sender does not want it any more; of INVITE.</summary>
    public Task Cancelled => _cancelled.Task;

    /// <summary>An answer, to which lines can be added.</summary>
    /// <param name="status">The status.</param>
    /// <param name="why">What is wrong, for people; null: what the status says.</param>
    public SipMessage NewAnswer(int status, string? why = null)
    {
        var answer = SipMessage.ResponseTo(request, status, back.Via, status == SipStatus.Trying ? null : Tag);
        return why is null ? answer : answer.Add("Warning", $"399 pollard {SipText.Quote(why)}");
    }

    /// <summary>Answers.</summary>
    public void Answer(SipMessage answer) => Answer(Keep(answer));

    /// <summary>Answers with no more than a status.</summary>
    public void Answer(int status) => Answer(NewAnswer(status));

    /// <summary>The bytes of an answer, which is also given to who asks again.</summary>
    public byte[] Keep(SipMessage answer)
    {
        var bytes = answer.ToBytes();
        Volatile.Write(ref _last, bytes);
        return bytes;
    }

    /// <summary>It was asked again, since our answer did not come.</summary>
    public void AskedAgain()
    {
        if (Volatile.Read(ref _last) is { } last)
        {
            Answer(last);
        }
    }

    /// <summary>Its final answer was heard.</summary>
    public void Acknowledge(string body) => _acked.TrySetResult(body);

    /// <summary>The sender does not want it any more.</summary>
    public void Cancel() => _cancelled.TrySetResult();

    private void Answer(byte[] bytes) => transport.Send(back.To, bytes);
}
