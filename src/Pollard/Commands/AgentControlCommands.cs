using System.CommandLine;
using System.Globalization;
using Pollard.Agent.Owner;
using Pollard.Configuration;
using Pollard.Output;
using Pollard.Protocol.HostLink;

namespace Pollard.Commands;

/// <summary><c>pollard agent pause</c>, <c>resume</c>, <c>pool-size</c> and <c>status</c>: the owner's word to the agent that runs on this machine.</summary>
internal static class AgentControlCommands
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromDays(365);

    private static readonly Option<string?> For = CommonOptions.CallText(
        "--for",
        "DURATION",
        "How long: 90m, 2h, 1d. Default: until it is resumed"
    );

    private static readonly Argument<string> Size = new("size") { Description = "Tasks at the same time, 1 to 1024" };

    public static IEnumerable<Command> Build(Shell shell) =>
        [
            new Command("pause", "The running agent takes no more work, also after a restart; what runs is finished")
                .With(For, CommonOptions.Json)
                .WithConfiguration()
                .Does(shell, PauseAsync),
            new Command("resume", "The running agent takes work again")
                .With(CommonOptions.Json)
                .WithConfiguration()
                .Does(shell, (context, ct) => ShowAsync(context, control => control.ResumeAsync(ct))),
            new Command(
                "pool-size",
                "The running agent of a task server works on so many tasks at the same time, until it ends"
            )
            {
                Size,
            }
                .With(CommonOptions.Json)
                .WithConfiguration()
                .Does(shell, ResizeAsync),
            new Command("status", "What the running agent is doing, and why it gets no work")
                .With(CommonOptions.Json)
                .WithConfiguration()
                .Does(shell, (context, ct) => ShowAsync(context, control => control.LookAsync(ct))),
        ];

    private static Task<int> PauseAsync(CommandContext context, CancellationToken ct)
    {
        var length = context.Settings.Duration(For);
        if (length <= TimeSpan.Zero || length > LongestPause)
        {
            throw new UsageException("--for is longer than nothing and at most a year.");
        }

        return ShowAsync(context, control => control.PauseAsync(length, ct));
    }

    private static Task<int> ResizeAsync(CommandContext context, CancellationToken ct)
    {
        var text = context.Parsed.GetValue(Size);
        return
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var size)
            && size is >= 1 and <= LinkLimits.Slots
            ? ShowAsync(context, control => control.ResizeAsync(size, ct))
            : throw new UsageException($"A pool has 1 to {LinkLimits.Slots} processors, not \"{text}\".");
    }

    // An IOException says what went wrong and what to do; every command turns it into its message.
    private static async Task<int> ShowAsync(CommandContext context, Func<AgentControl, Task<AgentStatus>> ask)
    {
        var status = await ask(new AgentControl(context.Settings.DataPath, context.Shell.Time));
        if (context.Print.Json)
        {
            context.Print.JsonLine(status, Printer.Own.AgentStatus);
            return ExitCode.Ok;
        }

        foreach (var line in AgentStatusText.Lines(status, context.Shell.Time))
        {
            context.Print.Line(line);
        }

        return ExitCode.Ok;
    }
}
