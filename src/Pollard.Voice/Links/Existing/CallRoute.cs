namespace Pollard.Voice.Links.Existing;

/// <summary>How the connections of one call with an existing service come about, and what is to be done for it beside the link.</summary>
/// <param name="opening">Makes or takes them.</param>
internal class CallRoute(ILinkOpening opening)
{
    private bool _isClosed;

    /// <summary>Makes or takes the connections.</summary>
    public ILinkOpening Opening => opening;

    /// <summary>Called once, when the call is over and its ports are closed.</summary>
    public Action Closed { get; set; } = static () => { };

    /// <summary>Does what is to be done, until <paramref name="ct"/> is set: the call is over.</summary>
    public virtual Task RunAsync(ExistingCall call, CancellationToken ct) => Task.CompletedTask;

    /// <summary>The call is over: its ports are free from now on.</summary>
    public void Close()
    {
        if (!Interlocked.Exchange(ref _isClosed, true))
        {
            ClosePorts();
            Closed();
        }
    }

    /// <summary>Closes what it listens at.</summary>
    protected virtual void ClosePorts() { }
}

/// <summary>Calls a service that has asked for it, and again at once when it asks again.</summary>
/// <param name="dialing">Calls it.</param>
/// <param name="asked">Ends when the service asks again to be called.</param>
/// <param name="setup">How often it may ask, and the clock.</param>
internal sealed class AskedAgainRoute(Dialing dialing, Func<Task> asked, ExistingSetup setup) : CallRoute(dialing)
{
    /// <inheritdoc/>
    public override Task RunAsync(ExistingCall call, CancellationToken ct) => HearAsync(dialing, asked, setup, ct);

    /// <summary>Cuts the wait between tries short each time that the service asks again, until <paramref name="ct"/> is set.</summary>
    public static async Task HearAsync(Dialing dialing, Func<Task> asked, ExistingSetup setup, CancellationToken ct)
    {
        while (true)
        {
            await asked().WaitAsync(ct);
            dialing.TryNow();
            await Task.Delay(setup.Schedule.FastWait, setup.Link.Time, ct); // No service that is well asks more often.
        }
    }
}
