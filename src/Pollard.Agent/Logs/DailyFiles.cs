using System.Buffers;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Pollard.Agent.Logs;

/// <summary>
/// Lines in a file for each day (UTC): <c>NAME-yyyy-MM-dd.jsonl</c>. Who adds a line never waits for the disk: lines are kept in memory and
/// written every ten seconds. What finds no room, in memory or in the day's file, is counted, and the log says so.
/// </summary>
/// <param name="directory">Where the files lie; made when it is not there.</param>
/// <param name="name">How their names begin.</param>
/// <param name="keepDays">How many days before today are kept.</param>
/// <param name="time">The clock.</param>
internal sealed partial class DailyFiles(string directory, string name, int keepDays, TimeProvider time)
{
    private const string Day = "yyyy-MM-dd";
    private const string Extension = ".jsonl";
    private const int MostWaitingBytes = 4 * 1024 * 1024;
    private static readonly TimeSpan WriteEvery = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan WaitForDisk = TimeSpan.FromSeconds(5);
    private readonly Lock _gate = new();
    private readonly Lock _disk = new();
    private readonly Queue<Chunk> _waiting = new();
    private Chunk? _open; // The last that waits, as long as lines may be added to it.
    private long _waitingBytes;
    private long _lost;
    private DateOnly _cleaned;
    private DateOnly _full;
    private bool _isBroken;

    /// <summary>What a day's file may hold.</summary>
    public long MostFileBytes { get; init; } = 256 * 1024 * 1024;

    /// <summary>Where trouble is told.</summary>
    public ILogger Logger { get; set; } = NullLogger.Instance;

    /// <summary>Adds a line, given without its end.</summary>
    public void Add(ReadOnlySpan<byte> line)
    {
        var today = Today();
        lock (_gate)
        {
            if (_waitingBytes + line.Length + 1 > MostWaitingBytes)
            {
                Interlocked.Increment(ref _lost);
                return;
            }

            if (_open?.Day != today)
            {
                _waiting.Enqueue(_open = new Chunk(today));
            }

            _open.Add(line);
            _waitingBytes += line.Length + 1;
        }
    }

    /// <summary>Writes every ten seconds, until <paramref name="ct"/> is set. What comes after that, <see cref="Write"/> writes.</summary>
    /// <param name="watchdog">Notices when the disk hangs.</param>
    /// <param name="before">Called before lines are written.</param>
    /// <param name="ct">Ends it.</param>
    public async Task RunAsync(Watchdog watchdog, Action before, CancellationToken ct)
    {
        var loop = $"{name} files";
        using var timer = new PeriodicTimer(WriteEvery, time);
        try
        {
            do
            {
                watchdog.Expect(loop, WriteEvery);
                before();
                Write();
            } while (await timer.WaitForNextTickAsync(ct));
        }
        catch (OperationCanceledException)
        {
            watchdog.Forget(loop);
        }
    }

    /// <summary>
    /// Writes what waits, and deletes what is too old. What cannot be written waits on, as it does where the disk keeps another caller
    /// for seconds.
    /// </summary>
    public void Write()
    {
        if (!_disk.TryEnter(WaitForDisk)) // Held while the disk is at work: who adds lines needs the other one.
        {
            return;
        }

        try
        {
            if (_cleaned != Today())
            {
                _cleaned = Today();
                DeleteOld();
            }

            WriteAll();
        }
        finally
        {
            _disk.Exit();
        }
    }

    private void WriteAll()
    {
        while (Next() is { } chunk)
        {
            if (!TryWrite(chunk))
            {
                return;
            }

            Forget(chunk);
        }

        if (_full != _cleaned && Interlocked.Exchange(ref _lost, 0) is > 0 and var lost)
        {
            LogLost(Logger, lost, name);
        }
    }

    private DateOnly Today() => DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);

    private string PathOf(DateOnly day) =>
        Path.Combine(directory, $"{name}-{day.ToString(Day, CultureInfo.InvariantCulture)}{Extension}");

    /// <summary>The first that waits; nothing more is added to it.</summary>
    private Chunk? Next()
    {
        lock (_gate)
        {
            if (_waiting.TryPeek(out var chunk) && chunk == _open)
            {
                _open = null;
            }

            return chunk;
        }
    }

    private void Forget(Chunk chunk)
    {
        lock (_gate)
        {
            _waiting.Dequeue();
            _waitingBytes -= chunk.Bytes.Length;
        }
    }

    /// <summary>False: it cannot be written now.</summary>
    private bool TryWrite(Chunk chunk)
    {
        try
        {
            PrivateFile.CreateFolder(directory);
            using var file = PrivateFile.Append(PathOf(chunk.Day));
            if (file.Length + chunk.Bytes.Length <= MostFileBytes)
            {
                Append(file, chunk.Bytes);
            }
            else
            {
                Interlocked.Add(ref _lost, chunk.Lines);
                SayFull(chunk.Day);
            }

            if (_isBroken)
            {
                _isBroken = false;
                LogMended(Logger, directory);
            }

            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (!_isBroken)
            {
                _isBroken = true;
                LogBroken(Logger, name, directory, e.Message);
            }

            return false;
        }
    }

    private static void Append(FileStream file, ReadOnlySpan<byte> lines)
    {
        var length = file.Length;
        try
        {
            file.Write(lines);
            file.Flush();
        }
        catch (IOException)
        {
            file.SetLength(length); // No half of a line: all of them are written again.
            throw;
        }
    }

    private void SayFull(DateOnly day)
    {
        if (_full != day)
        {
            _full = day;
            LogFull(Logger, PathOf(day), MostFileBytes / 1024 / 1024);
        }
    }

    private void DeleteOld()
    {
        try
        {
            foreach (var path in Directory.EnumerateFiles(directory, $"{name}-*{Extension}"))
            {
                var day = Path.GetFileNameWithoutExtension(path)[(name.Length + 1)..];
                if (
                    DateOnly.TryParseExact(day, Day, CultureInfo.InvariantCulture, DateTimeStyles.None, out var written)
                    && written < _cleaned.AddDays(-keepDays)
                )
                {
                    File.Delete(path);
                }
            }
        }
        catch (DirectoryNotFoundException)
        {
            // It is made when there is something to write.
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogKept(Logger, name, directory, e.Message);
        }
    }

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "The {Name} files in {Directory} cannot be written: {Reason}. It is tried again every 10 seconds, with what memory holds: make room on the disk, or make the directory writable"
    )]
    private static partial void LogBroken(ILogger logger, string name, string directory, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "Files in {Directory} can be written again")]
    private static partial void LogMended(ILogger logger, string directory);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Lost {Count} lines of the {Name} files: there was no room")]
    private static partial void LogLost(ILogger logger, long count, string name);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "{File} has the {Megabytes} MB that a day may have: what does not fit is not kept"
    )]
    private static partial void LogFull(ILogger logger, string file, long megabytes);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Old {Name} files in {Directory} cannot be deleted: {Reason}")]
    private static partial void LogKept(ILogger logger, string name, string directory, string reason);

    /// <summary>Lines of one day that are written together.</summary>
    private sealed class Chunk(DateOnly day)
    {
        private readonly ArrayBufferWriter<byte> _bytes = new();

        public DateOnly Day => day;

        public int Lines { get; private set; }

        public ReadOnlySpan<byte> Bytes => _bytes.WrittenSpan;

        public void Add(ReadOnlySpan<byte> line)
        {
            _bytes.Write(line);
            _bytes.Write("\n"u8);
            Lines++;
        }
    }
}
