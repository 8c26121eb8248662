using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Pollard.Voice.Legs.Sip;

/// <summary>Says to a registrar that calls for a user go here, again before it forgets it, and at the end that they do not any more.</summary>
/// <param name="registrar">Who is told, and as whom.</param>
/// <param name="transport">How it is reached.</param>
/// <param name="transactions">What asks.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">The log.</param>
internal sealed partial class SipRegistration(
    SipRegistrar registrar,
    SipTransport transport,
    SipTransactions transactions,
    TimeProvider time,
    ILogger logger
)
{
    private const int MostSeconds = 24 * 60 * 60;
    private const int MostTries = 4; // Of one registration: too short, asked for proof, too old a proof, and once more.
    private static readonly TimeSpan MostEarlier = TimeSpan.FromSeconds(30);
    private readonly SipDigest _digest = new(registrar.User, registrar.Password);
    private readonly string _callId = SipText.Draw();
    private readonly string _tag = SipText.Draw();
    private readonly string _domain = registrar.Domain ?? registrar.At.ToString();
    private string _proofLine = "Authorization";
    private uint _number;
    private SipFlow? _flow;
    private SipAccount _account = new(registrar.User, registrar.At.ToString());

    /// <summary>How it is.</summary>
    public SipAccount Look()
    {
        var account = Volatile.Read(ref _account);
        return account.LastRegistered + account.For < time.GetUtcNow()
            ? account with
            {
                RegisteredSince = null,
            }
            : account;
    }

    /// <summary>Keeps it registered until <paramref name="ct"/> is set.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        var retry = registrar.FirstRetry;
        var isRegistered = false;
        while (!ct.IsCancellationRequested)
        {
            var granted = await TryRegisterAsync(registrar.Expires, ct);
            isRegistered |= granted is not null;
            var wait = granted is { } length ? length - Earlier(length) : retry;
            Became(granted, wait);
            retry = granted is not null ? registrar.FirstRetry : Shorter(retry * 2, registrar.MostRetry);
            await Task.Delay(wait, time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (isRegistered)
        {
            await TryRegisterAsync(TimeSpan.Zero, CancellationToken.None); // It has its own end, and calls would go nowhere.
        }
    }

    private void Became(TimeSpan? granted, TimeSpan wait)
    {
        var now = time.GetUtcNow();
        var account = Look() with { NextTry = now + wait };
        Volatile.Write(
            ref _account,
            granted is { } length
                ? account with
                {
                    RegisteredSince = account.RegisteredSince ?? now,
                    LastRegistered = now,
                    For = length,
                }
                : account
        );
    }

    private void Fail(string reason)
    {
        LogFailed(logger, registrar.User, registrar.At, reason);
        Volatile.Write(ref _account, Look() with { LastFailure = reason, FailedAt = time.GetUtcNow() });
    }

    // Half the time is left for further tries where it is short.
    private static TimeSpan Earlier(TimeSpan granted) => Shorter(granted / 2, MostEarlier);

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;

    private async Task<TimeSpan?> TryRegisterAsync(TimeSpan expires, CancellationToken ct)
    {
        try
        {
            if (_flow is not { Stream: null or { IsOpen: true } })
            {
                _flow = await transport.ReachAsync(registrar.At, registrar.IsTcp, ct);
            }

            return await RegisterAsync(_flow, expires, ct);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            Fail(e.Message);
            return null;
        }
    }

    private async Task<TimeSpan?> RegisterAsync(SipFlow flow, TimeSpan expires, CancellationToken ct)
    {
        var isProved = false;
        for (var tries = 0; tries < MostTries; tries++)
        {
            var response = await transactions.AskAsync(NewRequest(flow, expires), flow, ct);
            switch (response?.Status)
            {
                case null:
                    flow.Stream?.Dispose(); // It may be half open; the next try makes another.
                    Fail("it does not answer");
                    return null;
                case >= 200 and < 300:
                    var granted = GrantedBy(response, flow) ?? expires;
                    LogRegistered(logger, registrar.User, registrar.At, granted);
                    return granted;
                case SipStatus.IntervalTooBrief when SecondsOf(response.Find("Min-Expires")) is { } least:
                    expires = least;
                    break;
                case SipStatus.Unauthorized
                or SipStatus.ProxyUnauthorized when TryTakeChallenge(response) && (!isProved || _digest.IsStale):
                    isProved = true;
                    break;
                default:
                    Fail($"{response.Status} {response.Reason}");
                    return null;
            }
        }

        Fail("it wants another proof each time");
        return null;
    }

    private bool TryTakeChallenge(SipMessage response)
    {
        var isProxy = response.Status == SipStatus.ProxyUnauthorized;
        _proofLine = isProxy ? "Proxy-Authorization" : "Authorization";
        return _digest.TryTake(response.All(isProxy ? "Proxy-Authenticate" : "WWW-Authenticate"));
    }

    private SipMessage NewRequest(SipFlow flow, TimeSpan expires)
    {
        var (user, domain) = ($"<sip:{registrar.User}@{_domain}>", $"sip:{_domain}");
        var request = SipMessage
            .Request(SipMethod.Register, domain)
            .Add("From", $"{user};tag={_tag}")
            .Add("To", user)
            .Add("Call-ID", _callId)
            .Add("CSeq", $"{++_number} {SipMethod.Register}")
            .Add("Contact", $"<{ContactOf(flow)}>")
            .Add("Expires", ((long)expires.TotalSeconds).ToString(CultureInfo.InvariantCulture))
            .Add("Allow", SipMethod.Allowed);
        return _digest.Authorize(SipMethod.Register, domain, SipText.Draw()) is { } proof
            ? request.Add(_proofLine, proof)
            : request;
    }

    private string ContactOf(SipFlow flow) =>
        $"sip:{registrar.User}@{transport.PlaceFor(flow)}{(flow.IsTcp ? ";transport=tcp" : "")}";

    // What is said of our place counts; what is said of all, only where nothing is (RFC 3261, 10.2.4).
    private TimeSpan? GrantedBy(SipMessage response, SipFlow flow)
    {
        var ours = response.All("Contact").Select(SipAddress.Parse).FirstOrDefault(one => one?.Uri == ContactOf(flow));
        return SecondsOf(ours?.Parameters.GetValueOrDefault("expires")) ?? SecondsOf(response.Find("Expires"));
    }

    private static TimeSpan? SecondsOf(string? text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds > 0
            ? TimeSpan.FromSeconds(Math.Min(seconds, MostSeconds))
            : null;

    [LoggerMessage(Level = LogLevel.Information, Message = "SIP: {User} is registered at {Registrar} for {Granted}")]
    private static partial void LogRegistered(ILogger logger, string user, EndPoint registrar, TimeSpan granted);

    [LoggerMessage(Level = LogLevel.Warning, Message = "SIP: {User} could not be registered at {Registrar}: {Reason}")]
    private static partial void LogFailed(ILogger logger, string user, EndPoint registrar, string reason);
}
