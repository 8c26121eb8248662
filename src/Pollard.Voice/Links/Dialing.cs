using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Pollard.Voice.Links;

/// <summary>Says and hears what comes first on a connection.</summary>
/// <exception cref="FrameException">The other side is not whom it should be.</exception>
internal delegate Task LinkGreeting(LinkConnection connection, CancellationToken ct);

/// <summary>Calls a service until it answers, as often as its policy says.</summary>
/// <param name="name">The link's name, for the log.</param>
/// <param name="call">Whose it is.</param>
/// <param name="peer">Where the service is.</param>
/// <param name="greet">Says and hears whose a connection is.</param>
/// <param name="setup">How often it is tried.</param>
/// <param name="logger">The log.</param>
internal sealed partial class Dialing(
    string name,
    CallId call,
    IPEndPoint peer,
    LinkGreeting greet,
    LinkSetup setup,
    ILogger logger
) : ILinkOpening
{
    private TaskCompletionSource _now = NewSignal();

    /// <inheritdoc/>
    public bool IsCalled => false;

    /// <summary>The service has said that it is there: a wait is cut short.</summary>
    public void TryNow() => Volatile.Read(ref _now).TrySetResult();

    /// <inheritdoc/>
    public async Task<LinkConnection?> OpenAsync(CancellationToken ct)
    {
        var begun = setup.Time.GetTimestamp();
        var wait = TimeSpan.Zero;
        for (var tried = 1; ; tried++)
        {
            var (connection, trouble) = await TryAsync(ct);
            var took = setup.Time.GetElapsedTime(begun);
            if (connection is not null)
            {
                LinkMetrics.Connected(name, took, tried);
                LogConnected(logger, name, call, peer, tried, took.TotalMilliseconds);
                return connection;
            }

            if (setup.Retry.WaitAfter(tried, wait, setup.Random) is not { } next)
            {
                LinkMetrics.NotConnected(name, took);
                LogGivenUp(logger, name, call, peer, tried, took.TotalSeconds, trouble);
                return null;
            }

            if (setup.Retry.LoggedTries.Contains(tried))
            {
                LogTry(logger, name, call, peer, tried, trouble);
            }

            wait = next;
            await PauseAsync(wait, ct);
        }
    }

    private async Task<(LinkConnection? Connection, string Trouble)> TryAsync(CancellationToken ct)
    {
        var socket = new Socket(peer.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        LinkConnection? connection = null;
        try
        {
            using var late = new CancellationTokenSource(setup.Retry.TryWithin, setup.Time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
            await socket.ConnectAsync(peer, either.Token);
            connection = new LinkConnection(socket, setup.Time);
            await greet(connection, ct);
            return (connection, "");
        }
        catch (Exception e) when (e is SocketException or IOException or FrameException or OperationCanceledException)
        {
            socket.Dispose();
            if (connection is not null)
            {
                await connection.DisposeAsync();
            }

            ct.ThrowIfCancellationRequested();
            return (null, e is OperationCanceledException ? "it does not answer" : e.GetBaseException().Message);
        }
    }

    private async Task PauseAsync(TimeSpan wait, CancellationToken ct)
    {
        var now = Volatile.Read(ref _now);
        try
        {
            await now.Task.WaitAsync(wait, setup.Time, ct);
            Interlocked.CompareExchange(ref _now, NewSignal(), now);
        }
        catch (TimeoutException)
        {
            // Nobody cut it short.
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    [LoggerMessage(
        Level = LogLevel.Information,
        Message = "{Link} of call {Call}: connected to {Peer} at try {Tried} after {Milliseconds:0} ms"
    )]
    private static partial void LogConnected(
        ILogger logger,
        string link,
        CallId call,
        IPEndPoint peer,
        int tried,
        double milliseconds
    );

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "{Link} of call {Call}: no connection to {Peer} at try {Tried}: {Trouble}"
    )]
    private static partial void LogTry(
        ILogger logger,
        string link,
        CallId call,
        IPEndPoint peer,
        int tried,
        string trouble
    );

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "{Link} of call {Call}: gave {Peer} up after {Tried} tries and {Seconds:0.0} s: {Trouble}"
    )]
    private static partial void LogGivenUp(
        ILogger logger,
        string link,
        CallId call,
        IPEndPoint peer,
        int tried,
        double seconds,
        string trouble
    );
}
