using Microsoft.Extensions.Logging;

namespace Pollard.Voice.Links.Existing;

/// <summary>An existing service, to which calls are brought.</summary>
/// <param name="name">The link's name.</param>
/// <param name="make">Makes the link of a call, with its ports.</param>
/// <param name="setup">What its owner decides.</param>
/// <param name="logger">The log.</param>
internal sealed class ExistingTarget(string name, Func<CallId, ExistingCall> make, ExistingSetup setup, ILogger logger)
    : ICallTarget
{
    private readonly ExistingCalls _calls = new(name, logger);

    /// <inheritdoc/>
    public ICallLink Open(CallId call) => _calls.Begin(call, () => make(call));

    /// <inheritdoc/>
    public IReadOnlyList<LinkStatus> Look() => _calls.Look();

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken ct)
    {
        await Task.Delay(Timeout.InfiniteTimeSpan, setup.Link.Time, ct)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _calls.EndAsync();
    }
}
