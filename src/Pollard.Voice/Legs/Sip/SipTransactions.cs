using System.Collections.Concurrent;

namespace Pollard.Voice.Legs.Sip;

/// <summary>
/// What is asked of us and what we ask, each once, however often it comes. What was answered is kept for as long as it may be asked again.
/// </summary>
/// <param name="transport">What sends and hears.</param>
/// <param name="settings">When what may be lost is sent again, and how many calls there may be.</param>
/// <param name="time">The clock.</param>
internal sealed class SipTransactions(SipTransport transport, SipSettings settings, TimeProvider time)
{
    private const int MostPerCall = 64; // Of what is remembered: a call has some five in its first and last half minute.
    private const int LeastMost = 1_024; // Of them also where there are few calls: others ask whether we are there.
    private const int MostIdCharacters = 256;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, SipTransaction> _asked = new(StringComparer.Ordinal);
    private readonly Queue<(long Since, string Key)> _ages = new();
    private readonly ConcurrentDictionary<string, TaskCompletionSource<SipMessage>> _asking = new(
        StringComparer.Ordinal
    );

    private int Most => Math.Max(settings.MostCalls * MostPerCall, LeastMost);

    /// <summary>Hears until <paramref name="ct"/> is set.</summary>
    /// <param name="serve">Is given each request once; returns at once, on any thread.</param>
    /// <param name="acknowledge">Is given each ACK to a call that is up.</param>
    /// <param name="ct">Ends it.</param>
    public Task RunAsync(Action<SipTransaction> serve, Action<SipMessage> acknowledge, CancellationToken ct) =>
        transport.RunAsync(
            (message, problem, from) =>
            {
                if (!message.IsRequest)
                {
                    Answered(message);
                }
                else if (message.Method == SipMethod.Ack)
                {
                    Find(message, SipMethod.Invite)?.Acknowledge(message.Body);
                    acknowledge(message);
                }
                else if (Begin(message, problem ?? ProblemOf(message), from) is { } transaction)
                {
                    serve(transaction);
                }
            },
            ct
        );

    /// <summary>What a CANCEL is about; null: nothing that is known.</summary>
    public SipTransaction? CancelledBy(SipTransaction cancel) => Find(cancel.Request, SipMethod.Invite);

    /// <summary>Gives an INVITE its final answer, again and again until that was heard.</summary>
    /// <returns>What came with the word that it was; null: it never was.</returns>
    public async Task<string?> AnswerAsync(SipTransaction invite, SipMessage answer, CancellationToken ct)
    {
        // An answer that begins a call is for the phone itself: on the way to it there may be those that lose it (RFC 3261, 13.3.1.4).
        var isRepeated = answer.Status < 300 || !invite.To.IsTcp;
        var bytes = invite.Keep(answer);
        var giveUp = settings.Timing.GiveUp;
        return await transport.SendUntilAsync(invite.To, bytes, isRepeated, invite.Acked, giveUp, ct)
            ? await invite.Acked
            : null;
    }

    /// <summary>Asks.</summary>
    /// <param name="request">What.</param>
    /// <param name="flow">Whom.</param>
    /// <param name="ct">Gives up.</param>
    /// <returns>The final answer; null: there was none in time.</returns>
    public async Task<SipMessage?> AskAsync(SipMessage request, SipFlow flow, CancellationToken ct)
    {
        var branch = $"{SipVia.Cookie}{SipText.Draw()}";
        var carrier = flow.IsTcp ? "TCP" : "UDP";
        request.AddFirst("Via", $"SIP/2.0/{carrier} {transport.PlaceFor(flow)};branch={branch};rport");
        request.Add("Max-Forwards", "70");
        var answered = new TaskCompletionSource<SipMessage>(TaskCreationOptions.RunContinuationsAsynchronously);
        _asking[branch] = answered;
        try
        {
            var within = settings.Timing.AnswerWithin;
            return await transport.SendUntilAsync(flow, request.ToBytes(), !flow.IsTcp, answered.Task, within, ct)
                ? await answered.Task
                : null;
        }
        finally
        {
            _asking.TryRemove(branch, out _);
        }
    }

    // What a request must have for that it can be answered, and belong to a call.
    private static string? ProblemOf(SipMessage request) =>
        request.Find("Call-ID") is not { Length: > 0 and <= MostIdCharacters } ? "Its Call-ID is missing or too long"
        : SipAddress.Parse(request.Find("From") ?? "") is null ? "Its From is missing or none"
        : SipAddress.Parse(request.Find("To") ?? "") is null ? "Its To is missing or none"
        : request.Sequence?.Method != request.Method ? "Its CSeq is missing or another request's"
        : null;

    // A request that comes again, its ACK where it was refused, and its CANCEL have the same.
    private static string? KeyOf(SipMessage request, string method) =>
        request.Find("Via") is { } via
            ? $"{via}\n{request.Find("Call-ID")}\n{request.Sequence?.Number}\n{method}"
            : null;

    private SipTransaction? Find(SipMessage request, string method)
    {
        lock (_gate)
        {
            return KeyOf(request, method) is { } key ? _asked.GetValueOrDefault(key) : null;
        }
    }

    private SipTransaction? Begin(SipMessage request, string? problem, SipFlow from)
    {
        if (KeyOf(request, request.Method) is not { } key)
        {
            return null; // Nobody knows where an answer would go.
        }

        SipTransaction? transaction;
        lock (_gate)
        {
            Forget();
            if (!_asked.TryGetValue(key, out transaction))
            {
                if (_asked.Count >= Most || NewTransaction(request, from) is not { } begun)
                {
                    return null; // It will be asked again.
                }

                _asked[key] = begun;
                _ages.Enqueue((time.GetTimestamp(), key));
                if (problem is null)
                {
                    return begun;
                }

                transaction = begun;
                transaction.Keep(begun.NewAnswer(SipStatus.BadRequest, problem));
            }
        }

        transaction.AskedAgain();
        return null;
    }

    private SipTransaction? NewTransaction(SipMessage request, SipFlow from)
    {
        var via = request.Find("Via")!;
        if (from.IsTcp)
        {
            return new SipTransaction(transport, request, from, (from, via));
        }

        return SipVia.Return(via, from.Remote) is { } back
            ? new SipTransaction(transport, request, from, (new SipFlow(back.To, null), back.Via))
            : null;
    }

    private void Forget()
    {
        var keep = settings.Timing.GiveUp + settings.RingFor;
        while (_ages.TryPeek(out var oldest) && time.GetElapsedTime(oldest.Since) > keep)
        {
            _asked.Remove(_ages.Dequeue().Key);
        }
    }

    private void Answered(SipMessage response)
    {
        if (
            response.Status >= 200
            && SipVia.BranchOf(response) is { } branch
            && _asking.TryGetValue(branch, out var answered)
        )
        {
            answered.TrySetResult(response);
        }
    }
}
