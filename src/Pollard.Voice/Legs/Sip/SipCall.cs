using System.Net;
using System.Net.Sockets;
using Pollard.Voice.Audio;
using Pollard.Voice.Legs.Rtp;

namespace Pollard.Voice.Legs.Sip;

/// <summary>
/// What is said about one call, from the first INVITE to the last BYE. It is given to nobody before the phone has confirmed it: until then
/// it might not be there, and what we send might go to somebody who has never called.
/// </summary>
/// <param name="dialog">The call, as both ends know it.</param>
/// <param name="sound">Its sound, which it owns.</param>
/// <param name="transactions">What sends and hears.</param>
/// <param name="transport">How the phone is reached.</param>
/// <param name="settings">How long it rings and waits.</param>
/// <param name="time">The clock.</param>
internal sealed class SipCall(
    SipDialog dialog,
    RtpSession sound,
    SipTransactions transactions,
    SipTransport transport,
    SipSettings settings,
    TimeProvider time
) : IDisposable
{
    private readonly Lock _gate = new(); // Of the dialog, and of what follows.
    private readonly TaskCompletionSource<string> _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly long _session = time.GetUtcNow().ToUnixTimeSeconds();
    private SipTransaction? _inviting; // Whose answer is not confirmed yet.
    private int _version;
    private volatile bool _isPhoneGone;

    /// <summary>The call, as both ends know it.</summary>
    public SipDialog Dialog => dialog;

    /// <summary>Ends when the call does, with the reason.</summary>
    public Task<string> Over => _over.Task;

    /// <summary>Ends the call, if it has not ended.</summary>
    public void HangUp(string reason) => _over.TrySetResult(reason);

    /// <summary>Has the call from its first INVITE to its end.</summary>
    /// <param name="invite">The INVITE.</param>
    /// <param name="offer">What it offers; null: we are to.</param>
    /// <param name="begin">Gives the call away; false: nobody wants it.</param>
    /// <param name="ct">Ends it, for as long as it is nobody else's.</param>
    public async Task RunAsync(SipTransaction invite, Sdp? offer, Func<bool> begin, CancellationToken ct)
    {
        _inviting = invite;
        if (await RingAsync(invite, ct) is { } refusal)
        {
            await transactions.AnswerAsync(invite, invite.NewAnswer(refusal), ct);
            return;
        }

        if (!await AgreeAsync(invite, offer, ct))
        {
            HangUp("the phone has not confirmed the call, or nothing that we can");
        }
        else if (!Over.IsCompleted && !begin())
        {
            HangUp("no calls are taken any more");
        }

        await _over.Task;
        if (!_isPhoneGone)
        {
            await SayGoodbyeAsync();
        }
    }

    /// <summary>Answers a request in the call.</summary>
    public async Task ServeAsync(SipTransaction transaction, CancellationToken ct)
    {
        bool isTurn;
        lock (_gate)
        {
            isTurn = dialog.TryTurn(transaction);
        }

        switch (transaction.Request.Method)
        {
            case var _ when !isTurn:
                transaction.Answer(SipStatus.ServerError);
                break;
            case SipMethod.Bye:
                EndByPhone(transaction);
                break;
            case SipMethod.Invite:
                await ReinviteAsync(transaction, ct);
                break;
            case var method:
                transaction.Answer(transaction.NewAnswer(SipMethod.StatusFor(method)).Add("Allow", SipMethod.Allowed));
                break;
        }
    }

    /// <summary>The phone has heard that the call, or a change of it, was taken.</summary>
    public void Acknowledge(SipMessage ack)
    {
        lock (_gate)
        {
            if (_inviting?.Request.Sequence?.Number == ack.Sequence?.Number)
            {
                _inviting?.Acknowledge(ack.Body);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => sound.Dispose();

    private void EndByPhone(SipTransaction bye)
    {
        _isPhoneGone = true;
        bye.Answer(SipStatus.Ok);
        HangUp("the caller hung up");
        lock (_gate)
        {
            _inviting?.Acknowledge(""); // Who ends a call knows of it.
        }
    }

    private async Task<int?> RingAsync(SipTransaction invite, CancellationToken ct)
    {
        if (settings.RingFor > TimeSpan.Zero)
        {
            invite.Answer(invite.NewAnswer(SipStatus.Ringing).Add("Contact", Contact()));
            await invite
                .Cancelled.WaitAsync(settings.RingFor, time, ct)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return invite.Cancelled.IsCompleted ? SipStatus.Cancelled
            : ct.IsCancellationRequested ? SipStatus.Unavailable
            : null;
    }

    private async Task ReinviteAsync(SipTransaction invite, CancellationToken ct)
    {
        Sdp? offer = null;
        var problem =
            invite.Request.Body.Length > 0 ? Sdp.Read(invite.Request.Body, sound.At.AddressFamily, out offer) : null;
        if (problem is null && offer is not null && LawFor(offer) is null)
        {
            problem = "its sound has another law now";
        }

        if (problem is not null)
        {
            await transactions.AnswerAsync(invite, invite.NewAnswer(SipStatus.NotAcceptableHere, problem), ct);
        }
        else if (!TryBegin(invite))
        {
            var answer = invite.NewAnswer(SipStatus.ServerError).Add("Retry-After", "1"); // RFC 3261, 14.2.
            await transactions.AnswerAsync(invite, answer, ct);
        }
        else if (!await AgreeAsync(invite, offer, ct))
        {
            HangUp("the phone has not confirmed the change, or nothing that we can");
        }
    }

    private bool TryBegin(SipTransaction invite)
    {
        lock (_gate)
        {
            if (_inviting is { Acked.IsCompleted: false })
            {
                return false;
            }

            _inviting = invite;
            dialog.Retarget(invite.Request);
            return true;
        }
    }

    // Says yes, with what we take of an offer or offer ourselves; and waits until the phone has heard it.
    private async Task<bool> AgreeAsync(SipTransaction invite, Sdp? offer, CancellationToken ct)
    {
        SipMessage answer;
        lock (_gate)
        {
            if (offer is not null && LawFor(offer) is { } law)
            {
                sound.Agree(offer.TermsWith(law));
            }

            var at = new IPEndPoint(transport.AddressFor(dialog.Flow.Remote.Address), sound.At.Port);
            answer = invite
                .NewAnswer(SipStatus.Ok)
                .Add("Contact", Contact())
                .Add("Allow", SipMethod.Allowed)
                .Add("Content-Type", Sdp.Type)
                .Carry(Sdp.Write(at, (_session, ++_version), sound.Terms, offer));
        }

        if (await transactions.AnswerAsync(invite, answer, ct) is not { } confirmed)
        {
            return false;
        }

        if (offer is null)
        {
            if (
                Sdp.Read(confirmed, sound.At.AddressFamily, out var theirs) is not null
                || LawFor(theirs!) is not { } law
            )
            {
                return false;
            }

            sound.Agree(theirs!.TermsWith(law));
        }

        return true;
    }

    // A call keeps its law: what waits to be said is packed by it.
    private G711Law? LawFor(Sdp sdp) =>
        sound.Terms is not { } terms ? sdp.Laws[0]
        : sdp.Laws.Contains(terms.Law) ? terms.Law
        : null;

    private string Contact()
    {
        var flow = dialog.Flow;
        return $"<sip:{transport.PlaceFor(flow)}{(flow.IsTcp ? ";transport=tcp" : "")}>";
    }

    private async Task SayGoodbyeAsync()
    {
        SipMessage bye;
        (IPEndPoint Remote, bool IsTcp)? hop;
        lock (_gate)
        {
            (bye, hop) = (dialog.NewRequest(SipMethod.Bye), dialog.NextHop());
        }

        try
        {
            // No token: the phone is told also when it is us who end.
            var flow = hop is { } next
                ? await transport.ReachAsync(next.Remote, next.IsTcp, CancellationToken.None)
                : dialog.Flow;
            await transactions.AskAsync(bye, flow, CancellationToken.None);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            // Who cannot be reached has no call either.
        }
    }
}
