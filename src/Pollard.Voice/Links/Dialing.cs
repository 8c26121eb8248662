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
/// <param name="service">Where the service is.</param>
/// <param name="greet">Says and hears whose a connection is.</param>
/// <param name="setup">How often it is tried.</param>
/// <param name="logger">The log.</param>
internal sealed partial class Dialing(
    string name,
    CallId call,
    ServicePlace service,
    LinkGreeting greet,
    LinkSetup setup,
    ILogger logger
) : ILinkOpening
{
    private const string NoAnswer = "it does not answer";
    private TaskCompletionSource _now = NewSignal();

    /// <inheritdoc/>
    public bool IsCalled => false;

    /// <summary>The service has said that it is there: a wait is cut short.</summary>
    public void TryNow() => Volatile.Read(ref _now).TrySetResult();

    /// <inheritdoc/>
    public async Task<LinkConnection?> OpenAsync(CancellationToken ct)
    {
        var begun = setup.Time.GetTimestamp();
        var (wait, loggedAt) = (TimeSpan.Zero, TimeSpan.Zero);
        for (var tried = 1; ; tried++)
        {
            var (connection, trouble, isRefusedHere) = await TryAsync(tried, ct);
            var took = setup.Time.GetElapsedTime(begun);
            if (connection is not null)
            {
                LinkMetrics.Connected(name, took, tried);
                LogConnected(logger, name, call, connection.Peer, tried, took.TotalMilliseconds);
                return connection;
            }

            if (setup.Retry.WaitAfter(tried, wait, isRefusedHere, setup.Random) is not { } next)
            {
                LinkMetrics.NotConnected(name, took);
                LogGivenUp(logger, name, call, service, tried, took.TotalSeconds, trouble);
                return null;
            }

            if (setup.Retry.LoggedTries.Contains(tried) || took - loggedAt >= setup.Retry.LogEvery)
            {
                loggedAt = took;
                LogTry(logger, name, call, service, tried, trouble);
            }

            wait = next;
            await PauseAsync(wait, ct);
        }
    }

    /// <summary>Calls each of the service's addresses, within the time of one try; the next try begins with the next of them.</summary>
    private async Task<(LinkConnection? Connection, string Trouble, bool IsRefusedHere)> TryAsync(
        int tried,
        CancellationToken ct
    )
    {
        using var late = new CancellationTokenSource(setup.Retry.TryWithin, setup.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
        IReadOnlyList<IPEndPoint> peers;
        try
        {
            peers = await service.FindAsync(setup.Lookup, either.Token);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            ct.ThrowIfCancellationRequested();
            return (null, $"its address is not known: {e.Message}", IsRefusedHere: false);
        }

        var (trouble, refusals) = ("its name has no address", 0);
        for (var i = 0; i < peers.Count && !late.IsCancellationRequested; i++)
        {
            var peer = peers[(tried - 1 + i) % peers.Count];
            var socket = new Socket(peer.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            var error = await ConnectAsync(socket, peer, either.Token);
            if (error == SocketError.Success)
            {
                return await GreetAsync(socket, ct);
            }

            socket.Dispose();
            ct.ThrowIfCancellationRequested();
            trouble = error == SocketError.OperationAborted ? NoAnswer : new SocketException((int)error).Message;
            refusals += error == SocketError.ConnectionRefused && IPAddress.IsLoopback(peer.Address) ? 1 : 0;
        }

        return (null, trouble, IsRefusedHere: refusals > 0 && refusals == peers.Count);
    }

    private async Task<(LinkConnection? Connection, string Trouble, bool IsRefusedHere)> GreetAsync(
        Socket socket,
        CancellationToken ct
    )
    {
        LinkConnection? connection = null;
        try
        {
            connection = new LinkConnection(socket, setup.Time);
            await greet(connection, ct);
            return (connection, "", IsRefusedHere: false);
        }
        catch (Exception e) when (e is SocketException or IOException or FrameException or OperationCanceledException)
        {
            socket.Dispose();
            if (connection is not null)
            {
                await connection.DisposeAsync();
            }

            ct.ThrowIfCancellationRequested();
            return (null, e is OperationCanceledException ? NoAnswer : e.GetBaseException().Message, false);
        }
    }

    /// <summary>Connects. What goes wrong is no exception: where nobody listens it goes wrong many times a second.</summary>
    private static async Task<SocketError> ConnectAsync(Socket socket, IPEndPoint peer, CancellationToken ct)
    {
        using var connecting = new SocketAsyncEventArgs { RemoteEndPoint = peer };
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        connecting.Completed += (_, _) => ended.TrySetResult();
        if (socket.ConnectAsync(connecting))
        {
            await using var cancelling = ct.UnsafeRegister(
                static one => Socket.CancelConnectAsync((SocketAsyncEventArgs)one!),
                connecting
            );
            await ended.Task;
        }

        return connecting.SocketError;
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
        ServicePlace peer,
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
        ServicePlace peer,
        int tried,
        double seconds,
        string trouble
    );
}
