using Pollard.Agent.Owner;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Pollard.Output;

/// <summary>What an agent is doing, on its owner's terminal, anew each second.</summary>
internal sealed class AgentView(Shell shell)
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);
    private readonly Printer _print = new(shell, json: false);

    /// <summary>The log, while the view has the terminal.</summary>
    public RecentLog Log { get; } = new(shell.Time);

    /// <summary>True where there is a terminal that can be written over.</summary>
    public static bool IsFor(Shell shell) =>
        shell.OutIsTerminal && shell.Environment("TERM") is not (null or "" or "dumb");

    /// <summary>Shows it until <paramref name="ended"/>; what happens to the terminal does not touch the agent.</summary>
    public async Task ShowAsync(Func<AgentStatus?> look, Task ended)
    {
        var console = AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Ansi = AnsiSupport.Yes,
                ColorSystem = _print.HasColour ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
                Interactive = InteractionSupport.Yes,
                Out = new AnsiConsoleOutput(shell.Out),
            }
        );
        try
        {
            await console
                .Live(new Text("starting"))
                .Overflow(VerticalOverflow.Crop)
                .StartAsync(async live =>
                {
                    while (!ended.IsCompleted)
                    {
                        live.UpdateTarget(Draw(look()));
                        await Task.WhenAny(ended, Task.Delay(Every, shell.Time));
                    }
                });
        }
        catch (IOException)
        {
            // The terminal is gone. The agent works on, as its service manager or nohup wants it.
        }
    }

    /// <summary>One picture.</summary>
    public IRenderable Draw(AgentStatus? status) =>
        new Rows([.. Lines(status).Select(line => new Text(_print.Safe(line)) { Overflow = Overflow.Ellipsis })]);

    private IEnumerable<string> Lines(AgentStatus? status)
    {
        if (status is null)
        {
            yield return "starting";
        }
        else
        {
            yield return $"pollard agent  {status.Name}";
            yield return "";
            foreach (var line in AgentStatusText.Lines(status, shell.Time))
            {
                yield return line;
            }
        }

        yield return "";
        foreach (var line in Log.Lines)
        {
            yield return line;
        }

        yield return "";
        yield return "Ctrl-C finishes what runs and ends. From elsewhere: pollard agent pause, resume, status";
    }
}
