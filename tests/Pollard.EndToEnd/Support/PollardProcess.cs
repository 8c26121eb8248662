using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Pollard.EndToEnd.Support;

/// <summary>A real <c>pollard</c> process with its output, killed with all that it started when the test is done.</summary>
internal sealed class PollardProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);
    private readonly Process _process;
    private readonly StringBuilder _output = new();

    private PollardProcess(Process process)
    {
        _process = process;
        _process.OutputDataReceived += (_, line) => Keep(line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>The built program.</summary>
    public static string Built { get; } =
        Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../Pollard/release/pollard"));

    /// <summary>The program: the published file where the test command names it, which is what people get, and else the built one.</summary>
    public static string Executable { get; } =
        Environment.GetEnvironmentVariable("POLLARD_TEST_PROGRAM") is { Length: > 0 } published ? published : Built;

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>All that it has printed so far.</summary>
    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    public static PollardProcess Start(params string[] arguments) => Start(null, arguments);

    public static PollardProcess Start(string[]? wrapper, params string[] arguments) =>
        StartProgram([.. wrapper ?? [], Executable, .. arguments]);

    /// <summary>Starts a program that is not the built executable, in its own folder and with nothing in its environment.</summary>
    public static PollardProcess StartAlone(string executable, params string[] arguments) =>
        StartProgram(["env", "-i", executable, .. arguments], Path.GetDirectoryName(executable));

    /// <summary>Starts another program.</summary>
    public static PollardProcess StartProgram(string[] all, string? folder = null)
    {
        var start = new ProcessStartInfo(all[0])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            UseShellExecute = false,
            WorkingDirectory = folder,
        };
        foreach (var argument in all[1..])
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["NO_COLOR"] = "1";
        foreach (
            var name in start
                .Environment.Keys.Where(static name => name.StartsWith("POLLARD_", StringComparison.Ordinal))
                .ToArray()
        )
        {
            start.Environment.Remove(name);
        }

        return new PollardProcess(new Process { StartInfo = start });
    }

    /// <summary>A port that nobody has at this moment.</summary>
    public static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    /// <summary>Waits until a condition on the running system holds; asks every 20 ms.</summary>
    public async Task UntilAsync(Func<CancellationToken, Task<bool>> holds, string what)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Patience);
        try
        {
            while (!await holds(limit.Token))
            {
                Assert.False(_process.HasExited, $"pollard ended while waiting until {what}:\n{Output}");
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, limit.Token);
            }
        }
        catch (OperationCanceledException) when (!TestContext.Current.CancellationToken.IsCancellationRequested)
        {
            Assert.Fail($"Waited {Patience.TotalSeconds:0} s in vain until {what}. It printed:\n{Output}");
        }
    }

    /// <summary>Waits until it has printed a text.</summary>
    public Task UntilSaysAsync(string text) =>
        UntilAsync(_ => Task.FromResult(Output.Contains(text, StringComparison.Ordinal)), $"it says {text}");

    /// <summary>SIGKILL: no goodbye, nothing flushed.</summary>
    public async Task KillAsync()
    {
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>Sends a signal that does not end it.</summary>
    public async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{_process.Id}"]);
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>SIGTERM or SIGINT, as a service manager or Ctrl-C would.</summary>
    public async Task<int> StopAsync(string signal = "TERM")
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{_process.Id}"]);
        return await EndAsync($"the {signal}");
    }

    /// <summary>Waits for its end by itself.</summary>
    public async Task<int> UntilExitAsync()
    {
        _process.StandardInput.Close();
        return await EndAsync("the end of its input");
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync(CancellationToken.None); // Killed: this does not last.
        }

        _process.Dispose();
    }

    private async Task<int> EndAsync(string after)
    {
        using var limit = new CancellationTokenSource(Patience, TimeProvider.System);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            var threads = Directory
                .EnumerateDirectories($"/proc/{_process.Id}/task")
                .Select(static task =>
                    $"{File.ReadAllText($"{task}/comm").Trim()}: {File.ReadAllText($"{task}/wchan")}"
                );
            Assert.Fail(
                $"It has not ended {Patience.TotalSeconds:0} s after {after}. It printed:\n{Output}\nIts threads: {string.Join(", ", threads)}"
            );
        }

        return _process.ExitCode;
    }

    private void Keep(string? line)
    {
        if (line is not null)
        {
            lock (_output)
            {
                _output.AppendLine(line);
            }
        }
    }
}
