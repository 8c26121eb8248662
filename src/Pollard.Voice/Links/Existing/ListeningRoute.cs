using System.Net;
using Microsoft.Extensions.Logging;

namespace Pollard.Voice.Links.Existing;

/// <summary>Listens at a port of the call, and asks the service to connect to it for as long as it has not.</summary>
internal sealed class ListeningRoute : CallRoute, IDisposable
{
    private readonly Attached _attached;
    private readonly LinkListener _listener;
    private readonly Registering _registering;
    private readonly CallId _onWire;
    private readonly LinkGreeting _greet;

    /// <param name="name">The link's name.</param>
    /// <param name="port">Where it listens.</param>
    /// <param name="service">Where the service is asked.</param>
    /// <param name="onWire">What the call is called there.</param>
    /// <param name="greet">Says or hears whose a connection is.</param>
    /// <param name="setup">What its owner decides.</param>
    /// <param name="logger">The log.</param>
    /// <exception cref="LinkPortException">The port is taken, or may not be used.</exception>
    public ListeningRoute(
        string name,
        int port,
        ServicePlace service,
        CallId onWire,
        LinkGreeting greet,
        ExistingSetup setup,
        ILogger logger
    )
        : base(new Attached())
    {
        (_attached, _onWire, _greet) = ((Attached)Opening, onWire, greet);
        _listener = new LinkListener(new IPEndPoint(setup.ListenAt, port), setup.Allows, setup.Link.Time, logger);
        _registering = new Registering(name, service, setup.Schedule, setup.Link, logger);
    }

    /// <inheritdoc/>
    public override async Task RunAsync(ExistingCall call, CancellationToken ct)
    {
        using (_registering)
        {
            await Task.WhenAll(
                _listener.TakeAsync(connection => TakeAsync(connection, ct), ct),
                _registering.RunAsync(_onWire, () => call.IsUp, call.ChangedAsync, ct)
            );
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Close();
        _registering.Dispose();
    }

    /// <inheritdoc/>
    protected override void ClosePorts() => _listener.Dispose();

    private async Task<bool> TakeAsync(LinkConnection connection, CancellationToken ct)
    {
        await _greet(connection, ct);
        return _attached.TryAttach(connection);
    }
}
