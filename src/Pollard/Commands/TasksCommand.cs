using System.CommandLine;
using System.Globalization;
using Pollard.Client;
using Pollard.Configuration;
using Pollard.Output;
using Pollard.Protocol.Api;

namespace Pollard.Commands;

/// <summary><c>pollard tasks</c>: what was handed in, and what became of it.</summary>
internal static class TasksCommand
{
    private const int ExportPage = 500;

    private static readonly Argument<string> Id = new("id") { Description = "The task's id" };

    private static readonly Argument<string[]> Ids = new("id")
    {
        Description = "The tasks' ids",
        Arity = ArgumentArity.OneOrMore,
    };

    private static readonly Option<string?> State = CommonOptions
        .CallText("--state", "STATE", "Only pending, running, completed, failed, timeout or cancelled ones")
        .Among("pending", "running", "completed", "failed", "timeout", "cancelled");

    private static readonly Option<string?> Kind = CommonOptions.CallText(
        "--kind",
        "KIND",
        "Only of this kind: chat, completion, embedding, ..."
    );

    private static readonly Option<string?> OfModel = CommonOptions.CallText("--model", "MODEL", "Only for this model");

    private static readonly Option<string?> Owner = CommonOptions.CallText(
        "--owner",
        "KEY-ID",
        "Only of this key (needs an admin key)"
    );

    private static readonly Option<string[]> Label = CommonOptions.CallTexts(
        "--label",
        "LABEL",
        "Only tasks that require a host with this label; may be given several times"
    );

    private static readonly Option<string?> Before = CommonOptions.CallText(
        "--before",
        "CURSOR",
        "The page after this one, as the page before said"
    );

    private static readonly Option<string?> Limit = CommonOptions.CallText(
        "--limit",
        "N",
        "At most so many, up to 1000. Default: 20"
    );

    private static readonly Option<string?> After = CommonOptions.CallText(
        "--after",
        "N",
        "Only events with higher numbers. Default: all"
    );

    private static readonly Option<string?> Timeout = CommonOptions.CallText(
        "--timeout",
        "DURATION",
        "How long to wait: 90, 15m, 2h. Default: until the tasks have ended"
    );

    public static Command Build(Shell shell) =>
        new("tasks", "What was handed in, and what became of it")
        {
            new Command("list", "The newest tasks")
                .With(State, Kind, OfModel, Owner, Label, Before, Limit)
                .WithGateway()
                .Does(shell, ListAsync),
            new Command(
                "export",
                "All tasks that the options select, newest first, a line of JSON each, without results"
            )
                .With(State, Kind, OfModel, Owner, Label, Before)
                .WithGateway()
                .Does(shell, ExportAsync),
            new Command("show", "All about one task, and its result") { Id }
                .WithGateway()
                .Does(shell, ShowAsync),
            new Command("watch", "What happens to a task, as it happens, until it ends") { Id }
                .With(After)
                .WithGateway()
                .Does(shell, WatchAsync),
            new Command("wait", "Waits until tasks have ended, and prints their results") { Ids }
                .With(Timeout)
                .WithGateway()
                .Does(shell, WaitAsync),
            new Command("cancel", "Ends tasks that have not ended") { Ids }
                .WithGateway()
                .Does(shell, CancelAsync),
            new Command("retry", "Starts failed, timed-out or cancelled tasks over") { Ids }
                .WithGateway()
                .Does(shell, RetryAsync),
            TaskInputCommand.Build(shell),
            new Command("why", "Why a task waits, host by host") { Id }
                .WithGateway()
                .Does(shell, WhyAsync),
        };

    private static async Task<int> ListAsync(CommandContext context, CancellationToken ct)
    {
        var query = Selected(context.Settings) with { Limit = context.Settings.Number(Limit, 1, 1000) ?? 20 };
        using var gateway = context.Connect();
        var page = await gateway.Tasks.ListAsync(query, ct);
        if (context.Print.Json)
        {
            context.Print.JsonLine(page, Printer.Protocol.TaskPage);
            return ExitCode.Ok;
        }

        TaskPrinter.Table(context.Print, page.Tasks, context.Shell.Time.GetUtcNow());
        if (page.Next is { } next)
        {
            context.Print.Hint($"There are more: --before {next}");
        }

        return ExitCode.Ok;
    }

    // One page at a time, printed before the next is asked for: memory does not grow with the number of tasks.
    private static async Task<int> ExportAsync(CommandContext context, CancellationToken ct)
    {
        var query = Selected(context.Settings) with { Limit = ExportPage };
        using var gateway = context.Connect();
        using var status = new StatusLine(context.Shell);
        var count = 0;
        while (true)
        {
            TaskPage page;
            try
            {
                page = await gateway.Tasks.ListAsync(query, ct);
            }
            catch (PollardException) when (query.Before is { } cursor)
            {
                status.Dispose();
                context.Print.Note($"The export is not complete; go on with --before {cursor}");
                throw;
            }

            foreach (var task in page.Tasks)
            {
                context.Print.JsonLine(task, Printer.Protocol.TaskDocument);
            }

            count += page.Tasks.Count;
            if (!context.Shell.OutIsTerminal) // There the tasks themselves are seen.
            {
                status.Show(string.Create(CultureInfo.InvariantCulture, $"{count} tasks"));
            }

            if (page.Next is not { } next || next == query.Before)
            {
                return ExitCode.Ok;
            }

            query = query with { Before = next };
        }
    }

    private static TaskListQuery Selected(Settings settings) =>
        new()
        {
            State = settings.Text(State),
            Kind = settings.Text(Kind),
            Model = settings.Text(OfModel),
            Owner = settings.Text(Owner),
            Labels = settings.Texts(Label),
            Before = settings.Text(Before),
        };

    private static async Task<int> ShowAsync(CommandContext context, CancellationToken ct)
    {
        using var gateway = context.Connect();
        var task = await gateway.Tasks.GetAsync(context.Required(Id), ct);
        if (context.Print.Json)
        {
            context.Print.JsonLine(task, Printer.Protocol.TaskDocument);
        }
        else
        {
            TaskPrinter.Details(context.Print, task, context.Shell.Time.GetUtcNow());
        }

        return ExitCode.Ok;
    }

    private static async Task<int> WatchAsync(CommandContext context, CancellationToken ct)
    {
        using var gateway = context.Connect();
        var id = context.Required(Id);
        await gateway.Tasks.GetAsync(id, ct); // Says at once that there is no such task, or no gateway.
        var after = context.Settings.Number(After, -1, int.MaxValue) ?? -1;
        var printer = new EventPrinter(context.Print);
        await foreach (var happened in gateway.Tasks.EventsAsync(id, after, ct))
        {
            printer.Print(happened);
        }

        return TaskPrinter.ExitCodeOf(await gateway.Tasks.GetAsync(id, ct));
    }

    private static async Task<int> WaitAsync(CommandContext context, CancellationToken ct)
    {
        using var gateway = context.Connect();
        var ids = context.Required(Ids);
        var timeout = context.Settings.Duration(Timeout);
        var exitCode = ExitCode.Ok;
        foreach (var id in ids)
        {
            await gateway.Tasks.GetAsync(id, ct); // Says at once that there is no such task, or no gateway.
        }

        // All at once: the time-out is one for all of them.
        var waits = ids.Select(id => gateway.Tasks.WaitAsync(id, timeout, ct)).ToArray();
        foreach (var task in await ProgressBar.UntilAllAsync(context.Shell, waits, ct))
        {
            exitCode = Math.Max(exitCode, TaskPrinter.ExitCodeOf(task));
            if (context.Print.Json)
            {
                context.Print.JsonLine(task, Printer.Protocol.TaskDocument);
            }
            else
            {
                TaskPrinter.Outcome(context.Print, task);
            }
        }

        return exitCode;
    }

    private static Task<int> CancelAsync(CommandContext context, CancellationToken ct) =>
        ChangeAsync(context, "cancelled", (tasks, id) => tasks.CancelAsync(id, ct));

    private static Task<int> RetryAsync(CommandContext context, CancellationToken ct) =>
        ChangeAsync(context, "waiting again", (tasks, id) => tasks.RetryAsync(id, ct));

    // Goes on after a refusal: that one task had ended already says nothing about the others.
    private static async Task<int> ChangeAsync(
        CommandContext context,
        string outcome,
        Func<TasksClient, string, Task<TaskDocument>> change
    )
    {
        using var gateway = context.Connect();
        var exitCode = ExitCode.Ok;
        foreach (var id in context.Required(Ids))
        {
            try
            {
                var task = await change(gateway.Tasks, id);
                if (context.Print.Json)
                {
                    context.Print.JsonLine(task, Printer.Protocol.TaskDocument);
                }
                else
                {
                    context.Print.Note($"Task {id} is {outcome}.");
                }
            }
            catch (PollardException e) when (!e.IsUnreachable)
            {
                context.Print.Note($"pollard: {e.Message}");
                exitCode = ExitCode.Failed;
            }
        }

        return exitCode;
    }

    private static async Task<int> WhyAsync(CommandContext context, CancellationToken ct)
    {
        using var gateway = context.Connect();
        var why = await gateway.Tasks.WhyAsync(context.Required(Id), ct);
        if (context.Print.Json)
        {
            context.Print.JsonLine(why, Printer.Protocol.WhyDocument);
            return ExitCode.Ok;
        }

        context.Print.Line(why.Summary);
        if (why.Position is { } position)
        {
            context.Print.Line(
                position == 0
                    ? "It is the next of its key's tasks for such work."
                    : $"Of its key's tasks for such work, {position} come first."
            );
        }

        if (why.Estimate is { } seconds)
        {
            context.Print.Line($"As fast as such work went of late, it waits about {Math.Max(1, seconds):0} s more.");
        }

        if (why.Hosts.Count > 0)
        {
            context.Print.Line();
            context.Print.Table(
                ["HOST", "CAN", "REASON"],
                why.Hosts.Select(host => (string[])[host.Host, host.Can ? "yes" : "no", ReasonOf(host)])
            );
        }

        return ExitCode.Ok;
    }

    private static string ReasonOf(WhyHost host) =>
        host.QuarantinedAt is { } since ? $"{host.Reason} (since {Moments.Format(since)})" : host.Reason;
}
