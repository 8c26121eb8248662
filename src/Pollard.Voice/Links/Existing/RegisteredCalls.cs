using System.Net;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Pollard.Voice.Links.Existing;

/// <summary>Existing services that ask by datagrams to be connected to, each call by itself.</summary>
internal sealed partial class RegisteredCalls : ICallSource, IDisposable
{
    /// <summary>What comes by datagram may overtake what was said before it.</summary>
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(1);

    private readonly ExistingCalls _calls;
    private readonly RegisterListener _registrations;
    private readonly Func<RegisteredCall, ExistingCall> _make;
    private readonly ExistingSetup _setup;
    private readonly ILogger _logger;
    private CancellationToken _stopping;

    /// <param name="name">The link's name.</param>
    /// <param name="at">Where it hears; port 0 is any that is free.</param>
    /// <param name="make">Makes the link of a call.</param>
    /// <param name="setup">What its owner decides.</param>
    /// <param name="logger">The log.</param>
    /// <exception cref="LinkPortException">The port is taken, or may not be used.</exception>
    public RegisteredCalls(
        string name,
        IPEndPoint at,
        Func<RegisteredCall, ExistingCall> make,
        ExistingSetup setup,
        ILogger logger
    )
    {
        (_make, _setup, _logger) = (make, setup, logger);
        _calls = new ExistingCalls(name, logger);
        _registrations = new RegisterListener(at, setup.Allows, ServeAsync, setup.Link.Time, logger);
    }

    /// <summary>Where it hears.</summary>
    public IPEndPoint At => _registrations.At;

    /// <inheritdoc/>
    public ChannelReader<ICallLink> Came => _calls.Came;

    /// <inheritdoc/>
    public IReadOnlyList<LinkStatus> Look() => _calls.Look();

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken ct)
    {
        _stopping = ct;
        await _registrations.RunAsync(ct);
        await _calls.EndAsync();
    }

    /// <inheritdoc/>
    public void Dispose() => _registrations.Dispose();

    private async Task ServeAsync(RegisteredCall registered, CancellationToken ct)
    {
        ExistingCall call;
        try
        {
            call = _calls.Bring(registered.Call, () => _make(registered));
        }
        catch (InvalidOperationException e)
        {
            LogRefused(_logger, registered.From, e.Message);
            return;
        }

        try
        {
            await call.Over.WaitAsync(ct);
        }
        catch (OperationCanceledException)
        {
            await call
                .Over.WaitAsync(LastWords, _setup.Link.Time, _stopping)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            call.Close();
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Nothing for what {From} asks: {Reason}")]
    private static partial void LogRefused(ILogger logger, IPAddress from, string reason);
}
