using System.Buffers;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Pollard.Agent.Owner;

/// <summary>
/// Where the running agent hears its owner: a Unix domain socket in the data directory, which only the agent's user may open.
/// One line of JSON comes, one goes back, one caller at a time.
/// </summary>
internal sealed partial class ControlSocket : IDisposable
{
    private const int MostRequestBytes = 4096;
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(5);
    private readonly Socket _listener;
    private readonly string _path;
    private readonly Func<ControlRequest, ControlReply> _answer;
    private readonly ILogger _logger;

    private ControlSocket(Socket listener, string path, Func<ControlRequest, ControlReply> answer, ILogger logger) =>
        (_listener, _path, _answer, _logger) = (listener, path, answer, logger);

    /// <summary>Where it lies.</summary>
    public static string PathIn(string directory) => Path.Combine(directory, "agent.sock");

    /// <summary>Begins to listen; null when that cannot be, which the log explains: the agent works without it.</summary>
    public static ControlSocket? Open(string directory, Func<ControlRequest, ControlReply> answer, ILogger logger)
    {
        var path = PathIn(directory);
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            DeleteStale(path);
            listener.Bind(new UnixDomainSocketEndPoint(path)); // By itself nobody else may write to it, that is connect.
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            }

            listener.Listen();
            return new ControlSocket(listener, path, answer, logger);
        }
        catch (Exception e)
            when (e is SocketException or IOException or UnauthorizedAccessException or ArgumentOutOfRangeException)
        {
            listener.Dispose();
            LogNoControl(logger, path, e.Message);
            return null;
        }
    }

    /// <summary>Answers callers until <paramref name="ct"/> ends it.</summary>
    public async Task RunAsync(TimeProvider time, Watchdog watchdog, CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            watchdog.Forget("control"); // Nobody may call for days.
            try
            {
                using var caller = await _listener.AcceptAsync(ct);
                watchdog.Expect("control", AnswerWithin);
                using var late = new CancellationTokenSource(AnswerWithin, time);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
                await AnswerAsync(caller, either.Token);
            }
            catch (Exception e) when (e is SocketException or IOException or OperationCanceledException)
            {
                // The caller went away or was too slow; it says so itself.
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _listener.Dispose();
        File.Delete(_path);
    }

    private async Task AnswerAsync(Socket caller, CancellationToken ct)
    {
        var reply = await ReadLineAsync(caller, ct) is { } line
            ? Answer(line)
            : new ControlReply(null, "no request came");
        var bytes = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes))
        {
            JsonSerializer.Serialize(json, reply, OwnerJson.Default.ControlReply);
        }

        bytes.Write("\n"u8);
        var rest = bytes.WrittenMemory;
        while (!rest.IsEmpty)
        {
            rest = rest[await caller.SendAsync(rest, SocketFlags.None, ct)..];
        }
    }

    private ControlReply Answer(byte[] line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, OwnerJson.Default.ControlRequest) is { } request
                ? _answer(request)
                : new ControlReply(null, "the request is null");
        }
        catch (JsonException)
        {
            return new ControlReply(null, "the request is no JSON of its shape");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogFailed(_logger, e.Message);
            return new ControlReply(null, e.Message);
        }
    }

    private static async Task<byte[]?> ReadLineAsync(Socket caller, CancellationToken ct)
    {
        var buffer = new byte[MostRequestBytes];
        var length = 0;
        while (length < buffer.Length)
        {
            var read = await caller.ReceiveAsync(buffer.AsMemory(length), SocketFlags.None, ct);
            length += read;
            if (buffer.AsSpan(0, length).IndexOf((byte)'\n') is >= 0 and var end)
            {
                return buffer[..end];
            }

            if (read == 0)
            {
                break;
            }
        }

        return null;
    }

    /// <summary>What a killed agent left behind goes; where one answers, there are two of them.</summary>
    private static void DeleteStale(string path)
    {
        if (!File.Exists(path))
        {
            return;
        }

        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException)
        {
            File.Delete(path);
            return;
        }

        throw new IOException("another agent runs on the same data directory");
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "This agent cannot be paused or looked at from outside, since {Path} cannot be opened: {Reason}"
    )]
    private static partial void LogNoControl(ILogger logger, string path, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A command of the owner failed: {Reason}")]
    private static partial void LogFailed(ILogger logger, string reason);
}
