using Microsoft.Extensions.Logging;

namespace Pollard.Tasks;

/// <summary>Deletes ended tasks whose time to be kept is over, a slice at a time.</summary>
internal sealed partial class RetentionLoop(EngineCore core) : IAsyncDisposable
{
    private static readonly TimeSpan RoundDeadline = TimeSpan.FromSeconds(30);
    private readonly CancellationTokenSource _stop = new();
    private Task _loop = Task.CompletedTask;
    private bool _mayHaveStrays = true; // A crash may have left some.

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
            await DeleteAsync(core.Options.Retention, int.MaxValue, both.Token);
            await DeleteExcessAsync(both.Token);
            if (_mayHaveStrays)
            {
                await DeleteBodiesAsync(both.Token);
            }
        }
        catch (Exception e) when (!_stop.IsCancellationRequested)
        {
            LogPurgeFailed(core.Logger, e); // The loop lives on: the next round tries again.
        }
    }

    // The oldest go first, however young they are.
    private async Task DeleteExcessAsync(CancellationToken ct)
    {
        if (core.Options is { MostEndedTasks: null, MostStoreBytes: null })
        {
            return;
        }

        var size = await core.Store.MeasureAsync(ct);
        if (core.Options.MostEndedTasks is { } most && size.EndedTasks > most)
        {
            await DeleteAsync(TimeSpan.Zero, (int)Math.Min(size.EndedTasks - most, int.MaxValue), ct);
        }

        while (size.Bytes + BodyBytes() > core.Options.MostStoreBytes)
        {
            if (await DeleteAsync(TimeSpan.Zero, core.Options.PurgeSlice, ct) == 0)
            {
                return; // What is left has not ended, or says itself how long it is kept.
            }

            await DeleteBodiesAsync(ct);
            size = await core.Store.MeasureAsync(ct);
        }
    }

    private long BodyBytes() => core.Store.Bodies?.List().Sum(static body => body.Bytes) ?? 0;

    // Those whose tasks are gone: by this loop, or by a crash between the two.
    private async Task DeleteBodiesAsync(CancellationToken ct)
    {
        foreach (var (task, _) in core.Store.Bodies?.List() ?? [])
        {
            if (await core.FindAsync(task, ct) is null)
            {
                core.Store.Bodies!.Delete(task);
            }
        }

        _mayHaveStrays = false;
    }

    private async Task<int> DeleteAsync(TimeSpan keep, int most, CancellationToken ct)
    {
        var total = 0;
        while (total < most)
        {
            var slice = Math.Min(core.Options.PurgeSlice, most - total);
            var deleted = await core.Store.PurgeAsync(core.Time.GetUtcNow(), keep, slice, ct);
            total += deleted;
            _mayHaveStrays |= deleted > 0;
            if (deleted < slice)
            {
                break;
            }
        }

        return total;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Ended tasks could not be deleted; the next round tries again")]
    private static partial void LogPurgeFailed(ILogger logger, Exception exception);
}
