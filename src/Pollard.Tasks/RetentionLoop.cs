using Microsoft.Extensions.Logging;

namespace Pollard.Tasks;

/// <summary>Deletes ended tasks whose time to be kept is over, a slice at a time.</summary>
internal sealed partial class RetentionLoop(EngineCore core) : IAsyncDisposable
{
    private static readonly TimeSpan RoundDeadline = TimeSpan.FromSeconds(30);
    private readonly CancellationTokenSource _stop = new();
    private Task _loop = Task.CompletedTask;

    /// <summary>How it is.</summary>
    public BackgroundLoop Loop { get; } = new("retention", 2 * RoundDeadline, core.Options.PurgeInterval, core.Time);

    public void Start() => _loop = RunAsync();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(core.Options.PurgeInterval, core.Time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                Loop.Begin();
                await PurgeAsync();
                Loop.End();
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The engine stops.
        }
    }

    private async Task PurgeAsync()
    {
        try
        {
            using var deadline = new CancellationTokenSource(RoundDeadline, core.Time);
            using var both = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, _stop.Token);
            int deleted;
            do
            {
                deleted = await core.Store.PurgeAsync(
                    core.Time.GetUtcNow(),
                    core.Options.Retention,
                    core.Options.PurgeSlice,
                    both.Token
                );
            } while (deleted == core.Options.PurgeSlice);
        }
        catch (Exception e) when (!_stop.IsCancellationRequested)
        {
            LogPurgeFailed(core.Logger, e); // The loop lives on: the next round tries again.
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Ended tasks could not be deleted; the next round tries again")]
    private static partial void LogPurgeFailed(ILogger logger, Exception exception);
}
