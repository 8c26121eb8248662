using System.Diagnostics;
using Pollard.Agent.Backends.Http;

namespace Pollard.Agent.Backends.Commands;

/// <summary>
/// A program in a session of its own. Whatever way the run ends, nothing of what it started is left: see <see cref="DisposeAsync"/>.
/// </summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private const int ErrorTailBytes = 8 * 1024;
    private const string NewSession = "/usr/bin/setsid";

    // A cancelled run is to be gone within two seconds, all told.
    private static readonly TimeSpan EndsWithin = TimeSpan.FromMilliseconds(700);
    private static readonly TimeSpan PipesEndWithin = TimeSpan.FromMilliseconds(500);

    private readonly Process _process;
    private readonly string _mark;
    private readonly TimeProvider _time;
    private readonly Task<string> _errors;
    private readonly CancellationTokenSource _abandonPipes = new();
    private Task? _feeding;
    private Task<int>? _exiting;
    private bool _isSwept;

    private ChildProcess(Process process, string mark, TimeProvider time)
    {
        (_process, _mark, _time) = (process, mark, time);
        _errors = DrainAsync(process.StandardError.BaseStream, _abandonPipes.Token);
    }

    /// <summary>Its output.</summary>
    public Stream Output => _process.StandardOutput.BaseStream;

    /// <summary>Its process id, which is also that of its group and session where those exist.</summary>
    public int Id => _process.Id;

    /// <summary>True when it has ended.</summary>
    public bool HasExited => _process.HasExited;

    private static bool HasSessions { get; } = OperatingSystem.IsLinux() && File.Exists(NewSession);

    /// <summary>Starts it.</summary>
    /// <param name="call">What to start.</param>
    /// <param name="mark">What its whole family is known by, in the environment.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="BackendException">It cannot be started.</exception>
    public static ChildProcess Start(ProgramCall call, string mark, TimeProvider time)
    {
        // Our children lead no group, so that setsid need not fork: the id that we know is the program's own.
        string[] words = HasSessions
            ? [NewSession, call.Program, .. call.Arguments]
            : [call.Program, .. call.Arguments];
        ProcessStartInfo start = new(words[0])
        {
            WorkingDirectory = call.Directory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var word in words[1..])
        {
            start.ArgumentList.Add(word);
        }

        start.Environment.Clear();
        foreach (var (name, value) in call.Environment)
        {
            start.Environment[name] = value;
        }

        start.Environment[ProcessTable.Variable] = mark;
        try
        {
            return new(Process.Start(start)!, mark, time);
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or IOException)
        {
            throw new BackendException(CommandFailure.NotStarted(Path.GetFileName(call.Program), e), e);
        }
    }

    /// <summary>Writes its input and closes it, beside whatever else happens.</summary>
    public void Feed(ReadOnlyMemory<byte> input) => _feeding = FeedAsync(input);

    /// <summary>Waits for its end, and with it for the end of all that it left behind; what it wrote can still be read.</summary>
    /// <returns>The exit code.</returns>
    public Task<int> ExitAsync(CancellationToken ct) => _exiting ??= UntilExitAsync(ct);

    private async Task<int> UntilExitAsync(CancellationToken ct)
    {
        await _process.WaitForExitAsync(ct);
        await SweepAsync(); // A child that holds the output open would keep its reader for ever.
        return _process.ExitCode;
    }

    /// <summary>The end of what it wrote to its error stream.</summary>
    public async Task<string> ErrorsAsync()
    {
        try
        {
            return await _errors.WaitAsync(PipesEndWithin, _time, CancellationToken.None); // The limit ends it.
        }
        catch (Exception e) when (e is TimeoutException or IOException or OperationCanceledException)
        {
            return "";
        }
    }

    /// <summary>Asks it to end, and after a short while ends it and all that it started, whatever group or session that is in.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await StopAsync();
        }

        if (_exiting is not null)
        {
            await ((Task)_exiting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // It looks at the process.
        }

        await SweepAsync();
        await _abandonPipes.CancelAsync();
        await ((Task)_errors).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_feeding is not null)
        {
            await _feeding;
        }

        _process.Dispose();
        _abandonPipes.Dispose();
    }

    private async Task StopAsync()
    {
        if (!HasSessions)
        {
            _process.Kill(entireProcessTree: true);
        }
        else
        {
            ProcessTable.AskToEnd(_process.Id);
        }

        try
        {
            // No token: the run is over already, and the limit is short.
            await _process
                .WaitForExitAsync(CancellationToken.None)
                .WaitAsync(EndsWithin, _time, CancellationToken.None);
        }
        catch (TimeoutException)
        {
            // It does not want to: what follows does not ask.
        }
    }

    private async Task SweepAsync()
    {
        if (HasSessions && !_isSwept)
        {
            await ProcessTable.KillAllAsync(_mark, _process.Id, _time);
            _isSwept = true; // Nobody is left who could start more.
        }
    }

    private async Task FeedAsync(ReadOnlyMemory<byte> input)
    {
        try
        {
            var pipe = _process.StandardInput.BaseStream;
            await using (pipe)
            {
                await pipe.WriteAsync(input, _abandonPipes.Token);
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // It ended without reading all, which is its own affair.
        }
    }

    /// <summary>Reads to the end, so that the program never waits for us, and keeps the last of it.</summary>
    private static async Task<string> DrainAsync(Stream errors, CancellationToken ct)
    {
        var tail = new byte[ErrorTailBytes];
        var kept = 0;
        var buffer = new byte[ErrorTailBytes];
        while (await errors.ReadAsync(buffer, ct) is > 0 and var read)
        {
            var stay = Math.Min(kept, tail.Length - read);
            tail.AsSpan(kept - stay, stay).CopyTo(tail);
            buffer.AsSpan(0, read).CopyTo(tail.AsSpan(stay));
            kept = stay + read;
        }

        return System.Text.Encoding.UTF8.GetString(tail, 0, kept);
    }
}
