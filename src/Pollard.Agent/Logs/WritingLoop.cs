namespace Pollard.Agent.Logs;

/// <summary>Writes daily files every ten seconds, until it is disposed.</summary>
internal sealed class WritingLoop : IAsyncDisposable
{
    private readonly CancellationTokenSource _ending = new();
    private readonly Task _running;

    /// <param name="files">What is written.</param>
    /// <param name="watchdog">Notices when the disk hangs.</param>
    /// <param name="before">Called before lines are written.</param>
    public WritingLoop(DailyFiles files, Watchdog watchdog, Action before) =>
        _running = Task.Run(() => files.RunAsync(watchdog, before, _ending.Token), CancellationToken.None);

    /// <summary>Ends it; what waits is not written.</summary>
    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await _running;
        _ending.Dispose();
    }
}
