using System.Diagnostics;
using System.Globalization;
using System.Threading.Channels;

namespace Pollard.Bench.Machine;

/// <summary>A process of a measurement: started, watched, and killed with its measurement.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly List<ChildProcess> Running = [];
    private readonly Process _process;
    private readonly Queue<string> _lastLines = new();
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();

    private ChildProcess(Process process)
    {
        _process = process;
        lock (Running)
        {
            Running.Add(this);
        }
    }

    /// <summary>CPU time of all that run now.</summary>
    public static TimeSpan CpuOfAll
    {
        get
        {
            lock (Running)
            {
                return Running.Aggregate(TimeSpan.Zero, (sum, child) => sum + child.Cpu);
            }
        }
    }

    /// <summary>CPU time so far.</summary>
    public TimeSpan Cpu
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Memory that it holds, in MB.</summary>
    public double ResidentMb
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64 / 1024.0 / 1024.0;
        }
    }

    /// <summary>What it is in a measurement.</summary>
    public required string Name { get; init; }

    /// <summary>Starts a program.</summary>
    /// <param name="name">What it is in the measurement.</param>
    /// <param name="program">The file, or a name on the path.</param>
    /// <param name="arguments">What it gets.</param>
    /// <param name="core">The only core it may run on; null: any.</param>
    /// <param name="machine">The machine that it runs on; null: this one.</param>
    /// <param name="environment">What it has in its environment besides.</param>
    public static ChildProcess Start(
        string name,
        string program,
        IEnumerable<string> arguments,
        int? core = null,
        NetworkMachine? machine = null,
        IEnumerable<(string Name, string Value)>? environment = null
    )
    {
        string[] pinned = core is { } one ? ["taskset", "-c", one.ToString(CultureInfo.InvariantCulture)] : [];
        string[] command = [.. pinned, .. machine?.Wrapper ?? [], program, .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..]) { UseShellExecute = false };
        foreach (var (variable, value) in environment ?? [])
        {
            start.Environment[variable] = value;
        }

        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        start.RedirectStandardInput = true; // A role ends when this closes, also when we are killed.
        var process =
            Process.Start(start) ?? throw new InvalidOperationException($"The program {program} did not start.");
        var child = new ChildProcess(process) { Name = name };
        process.ErrorDataReceived += (_, line) => child.Keep(line.Data);
        process.BeginErrorReadLine();
        return child;
    }

    /// <summary>Waits for a line that holds a text, and goes on reading what follows.</summary>
    /// <returns>The line.</returns>
    /// <exception cref="InvalidOperationException">It ended or said nothing of the kind in a minute.</exception>
    public async Task<string> UntilSaysAsync(string text)
    {
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            while (await _process.StandardOutput.ReadLineAsync(patience.Token) is { } line)
            {
                Keep(line);
                if (line.Contains(text, StringComparison.Ordinal))
                {
                    _ = DrainAsync();
                    return line;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Says below what it said instead.
        }

        throw new InvalidOperationException($"It never said \"{text}\"; it said:\n{LastLines()}");
    }

    /// <summary>Waits for the next line that begins so.</summary>
    public async Task<string> NextLineAsync(string beginning)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            var line = await _lines.Reader.ReadAsync(patience.Token);
            if (line.StartsWith(beginning, StringComparison.Ordinal))
            {
                return line;
            }
        }
    }

    /// <summary>Sends a signal by its name.</summary>
    public async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }

    /// <summary>Tells it to stop, and waits until it has.</summary>
    /// <exception cref="OperationCanceledException">It did not in a minute.</exception>
    public async Task StopAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        await SignalAsync("TERM");
        await _process.WaitForExitAsync(patience.Token);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        lock (Running)
        {
            Running.Remove(this);
        }

        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private async Task DrainAsync()
    {
        // A full pipe would stop it.
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            Keep(line);
            _lines.Writer.TryWrite(line);
        }
    }

    private void Keep(string? line)
    {
        lock (_lastLines)
        {
            if (line is not null)
            {
                _lastLines.Enqueue(line);
            }

            while (_lastLines.Count > 20)
            {
                _lastLines.Dequeue();
            }
        }
    }

    private string LastLines()
    {
        lock (_lastLines)
        {
            return string.Join('\n', _lastLines);
        }
    }
}
