using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Pollard.Voice.Audio;
using Pollard.Voice.Legs.Rtp;
using Pollard.Voice.Links;

namespace Pollard.Voice.Legs.Sip;

/// <summary>Takes calls of phones by SIP, the part of it that an answering machine needs.</summary>
internal sealed partial class SipSource : ILegSource
{
    private const string Kind = "sip";
    private readonly SipSettings _settings;
    private readonly FrameClock _clock;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly SipTransport _transport;
    private readonly SipTransactions _transactions;
    private readonly RtpPorts _ports;
    private readonly ComingLegs _came;
    private readonly ConcurrentDictionary<string, SipCall> _calls = new(StringComparer.Ordinal); // By our tags.
    private readonly RunningTasks _running = new();
    private CancellationToken _stopping; // While it runs.
    private int _count;
    private SipRegistration? _registration;

    /// <param name="settings">Where, who, and how much.</param>
    /// <param name="clock">The clock of all calls.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    /// <exception cref="IOException">The port is taken, or may not be used.</exception>
    public SipSource(SipSettings settings, FrameClock clock, TimeProvider time, ILogger logger)
    {
        (_settings, _clock, _time, _logger) = (settings, clock, time, logger);
        _ports = new RtpPorts(settings.Rtp.FirstPort, settings.Rtp.LastPort);
        _came = new ComingLegs(settings.MostCalls);
        _transport = new SipTransport(settings, time, logger);
        _transactions = new SipTransactions(_transport, settings, time);
    }

    /// <inheritdoc/>
    public string Name => $"SIP at {At}";

    /// <summary>Where we listen.</summary>
    public IPEndPoint At => _transport.At;

    /// <summary>The user whose calls come here, as the registrar was told; null: none was.</summary>
    public SipAccount? Account => Volatile.Read(ref _registration)?.Look();

    /// <inheritdoc/>
    public ChannelReader<ICallLeg> Came => _came.Reader;

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken ct)
    {
        _stopping = ct;
        using var over = new CancellationTokenSource(); // Later than the other: calls that end must still be told so.
        var hearing = _transactions.RunAsync(Serve, Acknowledge, over.Token);
        try
        {
            await RegisterAsync(ct);
        }
        finally
        {
            await _came.CloseAsync();
            await _running.EndedAsync();
            await over.CancelAsync();
            await hearing;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _came.CloseAsync();
        _transport.Dispose();
    }

    private async Task RegisterAsync(CancellationToken ct)
    {
        if (_settings.Registrar is { } registrar)
        {
            var registration = new SipRegistration(registrar, _transport, _transactions, _time, _logger);
            Volatile.Write(ref _registration, registration);
            await registration.RunAsync(ct);
            return;
        }

        await Task.Delay(Timeout.InfiniteTimeSpan, _time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private void Serve(SipTransaction transaction)
    {
        var request = transaction.Request;
        if (request.Method == SipMethod.Cancel)
        {
            var cancelled = _transactions.CancelledBy(transaction);
            transaction.Answer(cancelled is null ? SipStatus.NoSuchCall : SipStatus.Ok);
            cancelled?.Cancel();
        }
        else if (request.All("Require").ToList() is { Count: > 0 } required)
        {
            var answer = transaction.NewAnswer(SipStatus.BadExtension);
            required.ForEach(one => answer.Add("Unsupported", one));
            Refuse(transaction, answer);
        }
        else if (request.Method == SipMethod.Options)
        {
            transaction.Answer(
                transaction.NewAnswer(SipStatus.Ok).Add("Allow", SipMethod.Allowed).Add("Accept", Sdp.Type)
            );
        }
        else if (TagOf(request) is not null)
        {
            ServeInCall(transaction);
        }
        else if (request.Method == SipMethod.Invite)
        {
            Invite(transaction);
        }
        else
        {
            var status = request.Method == SipMethod.Bye ? SipStatus.NoSuchCall : SipMethod.StatusFor(request.Method);
            transaction.Answer(transaction.NewAnswer(status).Add("Allow", SipMethod.Allowed));
        }
    }

    private void ServeInCall(SipTransaction transaction)
    {
        if (CallOf(transaction.Request) is { } call)
        {
            // No token: calls go on while no more are taken.
            _running.Add(GuardAsync(call.Dialog, () => call.ServeAsync(transaction, CancellationToken.None)));
            return;
        }

        Refuse(transaction, transaction.NewAnswer(SipStatus.NoSuchCall));
    }

    private void Acknowledge(SipMessage ack) => CallOf(ack)?.Acknowledge(ack);

    private void Invite(SipTransaction invite)
    {
        var problem = ProblemOf(invite.Request, At.AddressFamily, out var offer);
        if (problem is not null)
        {
            Refuse(invite, problem.Value.Status, problem.Value.Why);
            return;
        }

        if (SipDialog.Of(invite) is not { } dialog)
        {
            Refuse(invite, SipStatus.BadRequest, "Its Contact is missing or none");
            return;
        }

        if (_stopping.IsCancellationRequested)
        {
            Refuse(invite, SipStatus.Unavailable, "No calls are taken any more");
            return;
        }

        if (Interlocked.Increment(ref _count) > _settings.MostCalls)
        {
            Interlocked.Decrement(ref _count);
            Refuse(invite, SipStatus.BusyHere, $"There are {_settings.MostCalls} calls already");
            return;
        }

        // An id of our own: what a phone draws may be too long for others, or the same as another phone's.
        if ((_settings.Numbers is { } numbers ? numbers.Take() : CallId.Parse($"sip-{SipText.Draw()}")) is not { } id)
        {
            Interlocked.Decrement(ref _count);
            Refuse(invite, SipStatus.BusyHere, $"All {CallNumbers.Count} numbers of calls are taken");
            return;
        }

        if (_ports.Open(_transport.At.Address) is not { } port)
        {
            Forget(id);
            Refuse(invite, SipStatus.Unavailable, "No port is free for the sound");
            return;
        }

        invite.Answer(SipStatus.Trying);
        var sound = new RtpSession(port, _settings.Rtp, _settings.MayCall, _clock, _logger);
        var call = new SipCall(dialog, sound, _transactions, _transport, _settings, _time);
        _calls[dialog.LocalTag] = call;
        _running.Add(GuardAsync(dialog, () => RunAsync(id, call, invite, offer, sound)));
    }

    private void Forget(CallId id)
    {
        Interlocked.Decrement(ref _count);
        _settings.Numbers?.Free(id);
    }

    private async Task RunAsync(CallId id, SipCall call, SipTransaction invite, Sdp? offer, RtpSession sound)
    {
        LegMetrics.Began(Kind);
        SipLeg? leg = null;
        try
        {
            await call.RunAsync(invite, offer, Begin, _stopping);
            LogOver(_logger, call.Dialog.CallId, call.Over.IsCompleted ? await call.Over : "it was not taken");
            await (leg?.Released ?? Task.CompletedTask); // For as long its sound is in use.
        }
        finally
        {
            _calls.TryRemove(call.Dialog.LocalTag, out _);
            call.Dispose();
            Forget(id);
            LegMetrics.Ended(Kind);
        }

        bool Begin()
        {
            leg = new SipLeg(id, call, sound, sound.Terms!.Law);
            LogBegan(_logger, id, leg.Caller, call.Dialog.Flow);
            if (_came.TryAdd(leg))
            {
                return true;
            }

            leg = null;
            return false;
        }
    }

    private static (int Status, string Why)? ProblemOf(SipMessage invite, AddressFamily family, out Sdp? offer)
    {
        offer = null;
        if (!invite.Uri.StartsWith("sip:", StringComparison.OrdinalIgnoreCase))
        {
            return (SipStatus.UnsupportedScheme, "Only sip: is taken");
        }

        if (invite.Body.Length == 0)
        {
            return null; // We are to offer.
        }

        var type = SipText.Split(invite.Find("Content-Type") ?? "", ';').FirstOrDefault("");
        if (!type.Equals(Sdp.Type, StringComparison.OrdinalIgnoreCase))
        {
            return (SipStatus.UnsupportedMediaType, $"Only {Sdp.Type} is read");
        }

        return Sdp.Read(invite.Body, family, out offer) is { } problem ? (SipStatus.NotAcceptableHere, problem) : null;
    }

    private void Refuse(SipTransaction invite, int status, string why)
    {
        LogRefused(_logger, invite.From, status, why);
        LegMetrics.Refused(Kind, status);
        var answer = invite.NewAnswer(status, why);
        Refuse(invite, status == SipStatus.UnsupportedMediaType ? answer.Add("Accept", Sdp.Type) : answer);
    }

    private void Refuse(SipTransaction transaction, SipMessage answer)
    {
        if (transaction.Request.Method != SipMethod.Invite)
        {
            transaction.Answer(answer);
            return;
        }

        _running.Add(_transactions.AnswerAsync(transaction, answer, _stopping));
    }

    private SipCall? CallOf(SipMessage request) =>
        TagOf(request) is { } tag && _calls.TryGetValue(tag, out var call) && call.Dialog.Has(request) ? call : null;

    private static string? TagOf(SipMessage request) => SipAddress.Parse(request.Find("To") ?? "")?.Tag;

    private async Task GuardAsync(SipDialog dialog, Func<Task> run)
    {
        try
        {
            await run();
        }
        catch (Exception e)
        {
            LogBroken(_logger, dialog.CallId, e); // One call must not be the end of all others.
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Call {Call} is up: {Caller}, from {From}")]
    private static partial void LogBegan(ILogger logger, CallId call, string caller, SipFlow from);

    [LoggerMessage(Level = LogLevel.Information, Message = "SIP call {CallId} is over: {Reason}")]
    private static partial void LogOver(ILogger logger, string callId, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "SIP: refused a call from {From} with {Status}: {Why}")]
    private static partial void LogRefused(ILogger logger, SipFlow from, int status, string why);

    [LoggerMessage(Level = LogLevel.Error, Message = "SIP call {CallId} broke")]
    private static partial void LogBroken(ILogger logger, string callId, Exception exception);
}
