using System.Net;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Pollard.Voice.Links.Existing;

/// <summary>
/// Existing services that connect, and say by a hello whose each connection is. A call may have several connections, and one that is over may
/// come again.
/// </summary>
internal sealed partial class GreetedCalls : ICallSource, IDisposable
{
    private readonly ExistingCalls _calls;
    private readonly LinkListener _listener;
    private readonly Func<CallId, CallRoute, ExistingCall> _make;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();

    /// <param name="name">The link's name.</param>
    /// <param name="at">Where it listens; port 0 is any that is free.</param>
    /// <param name="make">Makes the link of a call.</param>
    /// <param name="setup">What its owner decides.</param>
    /// <param name="logger">The log.</param>
    /// <exception cref="LinkPortException">The port is taken, or may not be used.</exception>
    public GreetedCalls(
        string name,
        IPEndPoint at,
        Func<CallId, CallRoute, ExistingCall> make,
        ExistingSetup setup,
        ILogger logger
    )
    {
        (_make, _logger) = (make, logger);
        _calls = new ExistingCalls(name, logger);
        _listener = new LinkListener(at, setup.Allows, setup.Link.Time, logger);
    }

    /// <summary>Where it listens.</summary>
    public IPEndPoint At => _listener.At;

    /// <inheritdoc/>
    public ChannelReader<ICallLink> Came => _calls.Came;

    /// <inheritdoc/>
    public IReadOnlyList<LinkStatus> Look() => _calls.Look();

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken ct)
    {
        await _listener.TakeAsync(Take, ct);
        await _calls.EndAsync();
    }

    /// <inheritdoc/>
    public void Dispose() => _listener.Dispose();

    private bool Take(CallId call, LinkConnection connection)
    {
        lock (_gate) // Two connections of a call may come at once.
        {
            if (_calls.Find(call) is { } known)
            {
                return ((Attached)known.Route.Opening).TryAttach(connection);
            }

            try
            {
                var attached = new Attached();
                _calls.Bring(call, () => _make(call, new CallRoute(attached)));
                return attached.TryAttach(connection);
            }
            catch (InvalidOperationException e)
            {
                LogRefused(_logger, connection.Peer, e.Message);
                return false;
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Let {Peer} go: {Reason}")]
    private static partial void LogRefused(ILogger logger, IPEndPoint peer, string reason);
}
