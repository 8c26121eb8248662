using Microsoft.Extensions.Logging;
using Pollard.Tasks;

namespace Pollard.Storage.Sqlite;

/// <summary>
/// Watches the free space of the store's disk, keeps the ballast, and says in plain words what failed. When the disk is full
/// it lets the ballast go; when there is room again it asks the writer for a trial.
/// </summary>
internal sealed partial class DiskGuard(
    SqliteStoreOptions options,
    TimeProvider time,
    StoreCondition condition,
    ILogger logger
) : IDisposable
{
    private const long Mebibyte = 1024 * 1024;
    private const long SpareBytes = 4 * Mebibyte;
    private static readonly TimeSpan LookDeadline = TimeSpan.FromSeconds(30);
    private readonly Lock _gate = new();
    private ITimer? _timer;
    private Action? _requestTrial;

    /// <summary>How the watching is.</summary>
    public BackgroundLoop Loop { get; } = new("store_disk", LookDeadline, options.ProbeInterval, time);

    /// <summary>Makes the ballast, looks once and then again and again.</summary>
    /// <param name="requestTrial">Called when a stopped store may try again.</param>
    public void Start(Action requestTrial)
    {
        _requestTrial = requestTrial;
        FillBallast();
        Look();
        _timer = time.CreateTimer(
            static guard => ((DiskGuard)guard!).Look(),
            this,
            options.ProbeInterval,
            options.ProbeInterval
        );
    }

    /// <summary>Takes note of an error of the database and judges it.</summary>
    public void Failed(Exception error)
    {
        switch (error)
        {
            case SqliteException { IsLostSync: true }:
                condition.Break(
                    $"The disk of {options.Directory} did not confirm what was written (fsync failed: {error.Message}). "
                        + "Nothing more is written, because a second attempt would wrongly succeed. Check the disk, then start again."
                );
                LogBroken(logger, error, options.Directory);
                break;
            case SqliteException { IsDamage: true }:
                condition.Break(
                    $"The store in {options.Directory} is damaged ({error.Message}). Stop the gateway and restore a backup."
                );
                LogBroken(logger, error, options.Directory);
                break;
            case SqliteException { PrimaryCode: SqliteNative.Full }:
                DropBallast();
                condition.Stop(FullReason(), diskFull: true);
                LogStopped(logger, error, options.Directory);
                break;
            default:
                condition.Stop(
                    $"The store in {options.Directory} cannot be written ({error.Message}). It is tried again every {options.ProbeInterval.TotalSeconds} s.",
                    diskFull: false
                );
                LogStopped(logger, error, options.Directory);
                break;
        }
    }

    /// <summary>Before a trial: makes the ballast anew. False when there is no room for it.</summary>
    public bool Prepare() => !condition.IsDiskFull || (FreeBytes() >= NeededBytes && FillBallast());

    /// <summary>After a trial that succeeded.</summary>
    public void Recovered()
    {
        condition.Recover();
        LogRecovered(logger, options.Directory);
        Look();
    }

    /// <inheritdoc/>
    public void Dispose() => _timer?.Dispose();

    private long NeededBytes => Math.Max(options.MinFreeBytes, options.BallastBytes) + SpareBytes;

    private void Look()
    {
        Loop.Begin();
        LookByLevel();
        Loop.End();
    }

    private void LookByLevel()
    {
        switch (condition.Level)
        {
            case StoreLevel.Broken:
                break;
            case StoreLevel.Stopped:
                LookAfterStop();
                break;
            default:
                LookAtSpace();
                break;
        }
    }

    private void LookAfterStop()
    {
        if (!condition.IsDiskFull || FreeBytes() >= NeededBytes)
        {
            _requestTrial?.Invoke();
        }
        else
        {
            condition.Stop(FullReason(), diskFull: true);
        }
    }

    private void LookAtSpace()
    {
        if (options.MinFreeBytes == 0)
        {
            return;
        }

        var free = FreeBytes();
        var low =
            free >= options.MinFreeBytes
                ? null
                : $"The disk of {options.Directory} is nearly full: free {Mebibytes(options.MinFreeBytes - free)} MB. "
                    + "Until then no new tasks are taken; those that are here go on.";
        if (condition.Space(low) && low is not null)
        {
            LogLowSpace(logger, options.Directory, free / Mebibyte);
        }
    }

    private string FullReason() =>
        $"The disk of {options.Directory} is full: free {Mebibytes(NeededBytes - FreeBytes())} MB and the store goes on by itself.";

    private long FreeBytes()
    {
        if (options.FreeBytes is { } given)
        {
            return given();
        }

        try
        {
            return new DriveInfo(options.Directory).AvailableFreeSpace;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return long.MaxValue; // Not known. The writes themselves will say when there is none.
        }
    }

    private bool FillBallast()
    {
        lock (_gate)
        {
            try
            {
                var file = new FileInfo(options.BallastPath);
                if (file.Exists && file.Length == options.BallastBytes)
                {
                    return true;
                }

                file.Delete();
                if (options.BallastBytes > 0 && FreeBytes() >= options.BallastBytes + SpareBytes)
                {
                    using var handle = File.OpenHandle(
                        options.BallastPath,
                        FileMode.CreateNew,
                        FileAccess.Write,
                        preallocationSize: options.BallastBytes
                    );
                    RandomAccess.SetLength(handle, options.BallastBytes);
                }

                return true;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }
    }

    private void DropBallast()
    {
        lock (_gate)
        {
            try
            {
                File.Delete(options.BallastPath);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                LogStopped(logger, error, options.Directory);
            }
        }
    }

    private static long Mebibytes(long bytes) => Math.Max(1, (bytes + Mebibyte - 1) / Mebibyte);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "The store in {Directory} is broken and takes no more writes until the gateway starts again"
    )]
    private static partial void LogBroken(ILogger logger, Exception error, string directory);

    [LoggerMessage(Level = LogLevel.Error, Message = "The store in {Directory} takes no writes for now")]
    private static partial void LogStopped(ILogger logger, Exception error, string directory);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "The store in {Directory} takes no new tasks: {FreeMebibytes} MB are free on its disk"
    )]
    private static partial void LogLowSpace(ILogger logger, string directory, long freeMebibytes);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The store in {Directory} takes writes again")]
    private static partial void LogRecovered(ILogger logger, string directory);
}
