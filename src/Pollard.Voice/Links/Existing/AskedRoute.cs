using System.Net;
using Microsoft.Extensions.Logging;

namespace Pollard.Voice.Links.Existing;

/// <summary>Hears at a port of the call that the service asks to be called, and calls it there.</summary>
internal sealed class AskedRoute : CallRoute, IDisposable
{
    private readonly Asked _asked;
    private readonly RegisterListener _registrations;

    /// <param name="hearAt">Where it is asked.</param>
    /// <param name="onWire">What the call is called there.</param>
    /// <param name="dial">Calls the service at an address.</param>
    /// <param name="setup">What its owner decides.</param>
    /// <param name="logger">The log.</param>
    /// <exception cref="LinkPortException">The port is taken, or may not be used.</exception>
    public AskedRoute(
        IPEndPoint hearAt,
        CallId onWire,
        Func<IPAddress, Dialing> dial,
        ExistingSetup setup,
        ILogger logger
    )
        : base(new Asked())
    {
        _asked = (Asked)Opening;
        _registrations = new RegisterListener(hearAt, setup.Allows, ServeAsync, setup.Link.Time, logger);

        async Task ServeAsync(RegisteredCall registered, CancellationToken ct)
        {
            if (registered.Call == onWire) // Another one would have another port.
            {
                await _asked.ServeAsync(dial(registered.From), registered.Asked, setup, ct);
            }
        }
    }

    /// <inheritdoc/>
    public override Task RunAsync(ExistingCall call, CancellationToken ct) => _registrations.RunAsync(ct);

    /// <inheritdoc/>
    public void Dispose() => Close();

    /// <inheritdoc/>
    protected override void ClosePorts() => _registrations.Dispose();

    /// <summary>Connections with whoever asked last, while it has not said that the call is over.</summary>
    private sealed class Asked : ILinkOpening
    {
        private readonly Changing _change = new();
        private volatile Service? _service;

        public bool IsCalled => false;

        public async Task<LinkConnection?> OpenAsync(CancellationToken ct)
        {
            while (true)
            {
                var change = _change.NextAsync();
                if (_service is { } service)
                {
                    try
                    {
                        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, service.Over);
                        return await service.Dialing.OpenAsync(either.Token);
                    }
                    catch (OperationCanceledException) when (!ct.IsCancellationRequested)
                    {
                        // It is not to be called any more; perhaps another one is.
                    }
                }

                await change.WaitAsync(ct);
            }
        }

        public async Task ServeAsync(Dialing dialing, Func<Task> asked, ExistingSetup setup, CancellationToken ct)
        {
            _service = new Service(dialing, ct);
            _change.Changed();
            try
            {
                await AskedAgainRoute.HearAsync(dialing, asked, setup, ct);
            }
            finally
            {
                _service = null;
                _change.Changed();
            }
        }

        private sealed record Service(Dialing Dialing, CancellationToken Over);
    }
}
