using System.Diagnostics;
using System.Globalization;

namespace Pollard.EndToEnd.Support;

/// <summary>A program on a real terminal (tmux): keys go in, and what a person would see comes out.</summary>
internal sealed class Terminal : IAsyncDisposable
{
    private const int LooksBetweenKeys = 250;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("pollard-terminal-");

    private Terminal() { }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>All bytes that the program has written to the terminal.</summary>
    public string Written => File.ReadAllText(Path.Combine(_folder.FullName, "written"));

    /// <summary>Starts a program.</summary>
    /// <param name="columns">Its width.</param>
    /// <param name="rows">Its height.</param>
    /// <param name="variables">What its environment has besides, as <c>NAME=value</c>.</param>
    /// <param name="words">The program and its arguments.</param>
    public static async Task<Terminal> StartAsync(int columns, int rows, string[] variables, params string[] words)
    {
        var terminal = new Terminal();
        var path = $"{Path.GetDirectoryName(PollardProcess.Executable)}:{Environment.GetEnvironmentVariable("PATH")}";
        // What writes must not begin before all is kept; and a terminal whose program has ended is still looked at.
        const string Script = "trap : INT; read go; \"$@\"; echo \"ended with $?\"; exec sleep infinity";
        await terminal.TmuxAsync(
            ["new-session", "-d", "-x", Text(columns), "-y", Text(rows), "--", "sh", "-c", Script, "sh"],
            ["env", "-u", "NO_COLOR", "-u", "TMUX", $"PATH={path}", .. variables, .. words]
        );
        await terminal.TmuxAsync(["set-option", "remain-on-exit", "on"]);
        await terminal.TmuxAsync(["pipe-pane", "-o", $"cat > '{terminal._folder.FullName}/written'"]);
        await terminal.TmuxAsync(["send-keys", "Enter"]);
        return terminal;
    }

    /// <summary>Presses keys, by tmux's names: <c>Enter</c>, <c>Tab</c>, <c>Down</c>, <c>C-c</c>, or the text itself.</summary>
    public Task PressAsync(params string[] keys) => TmuxAsync(["send-keys", .. keys]);

    /// <summary>Gives the window another size, as a person does who pulls at its corner.</summary>
    public Task ResizeAsync(int columns, int rows) =>
        TmuxAsync(["resize-window", "-x", Text(columns), "-y", Text(rows)]);

    /// <summary>Sends a signal to the program, not to what started it.</summary>
    public async Task SignalAsync(string signal)
    {
        var shell = await AskAsync("pane_pid");
        var program = await File.ReadAllTextAsync($"/proc/{shell}/task/{shell}/children", Token);
        await RunAsync("kill", [$"-{signal}", program.Trim()]);
    }

    /// <summary>What is on the screen now.</summary>
    public Task<string> ScreenAsync() => TmuxAsync(["capture-pane", "-p"]);

    /// <summary>What is on the screen and what has left it at its top.</summary>
    public Task<string> HistoryAsync() => TmuxAsync(["capture-pane", "-p", "-J", "-S", "-"]);

    /// <summary>What tmux knows of the terminal: <c>alternate_on</c>, <c>cursor_flag</c>, ...</summary>
    public async Task<string> AskAsync(string name) =>
        (await TmuxAsync(["display-message", "-p", $"#{{{name}}}"])).TrimEnd('\n');

    /// <summary>Waits until the screen has a text.</summary>
    public Task<string> UntilAsync(string text) =>
        UntilAsync(screen => screen.Contains(text, StringComparison.Ordinal), $"it shows \"{text}\"");

    /// <summary>Waits until the screen is as a test wants it; looks every 20 ms.</summary>
    /// <param name="holds">What is wanted.</param>
    /// <param name="what">The same in words.</param>
    /// <param name="press">What a person does until then, every five seconds; null: they only look.</param>
    public async Task<string> UntilAsync(Func<string, bool> holds, string what, Func<Task>? press = null)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Token);
        limit.CancelAfter(Patience);
        var screen = "";
        try
        {
            for (var looks = 0; !holds(screen = await ScreenAsync()); looks++)
            {
                if (press is not null && looks % LooksBetweenKeys == 0)
                {
                    await press();
                }

                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, limit.Token);
            }

            return screen;
        }
        catch (OperationCanceledException) when (!Token.IsCancellationRequested)
        {
            Assert.Fail($"Waited {Patience.TotalSeconds:0} s in vain until {what}. The screen:\n{screen}");
            throw;
        }
    }

    /// <summary>Waits for the program's end, and gives its exit code.</summary>
    public async Task<int> UntilExitAsync()
    {
        var screen = await UntilAsync("ended with ");
        return int.Parse(screen.Split("ended with ")[1].Split('\n')[0], CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync()
    {
        // It may be gone already: with its program, or while it answers.
        await RunAsync("sh", ["-c", $"tmux -S '{_folder.FullName}/tmux' kill-server || true"]);
        _folder.Delete(recursive: true);
    }

    // A server of its own, without anybody's settings.
    private Task<string> TmuxAsync(string[] command, string[]? more = null) =>
        RunAsync("tmux", ["-S", $"{_folder.FullName}/tmux", "-f", "/dev/null", .. command, .. more ?? []]);

    private static async Task<string> RunAsync(string program, string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            }
        )!;
        var error = process.StandardError.ReadToEndAsync(Token);
        var output = await process.StandardOutput.ReadToEndAsync(Token);
        await process.WaitForExitAsync(Token);
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {await error}");
        return output;
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
