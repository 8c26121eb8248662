using System.CommandLine;
using Pollard.Output;
using Pollard.Protocol.Api;

namespace Pollard.Commands;

/// <summary><c>pollard tasks input</c>: a person's word on a task none of whose answers passed its checks.</summary>
internal static class TaskInputCommand
{
    private static readonly Argument<string> Id = new("id") { Description = "The task" };

    private static readonly Argument<string> Action = new("action")
    {
        Description = "retry: ask the model again; accept: take the last answer after all; reject: end the task",
        CompletionSources = { "retry", "accept", "reject" },
    };

    private static readonly Argument<string[]> Words = new("text")
    {
        Description = "For the model, or the reason",
        Arity = ArgumentArity.ZeroOrMore,
        DefaultValueFactory = _ => [],
    };

    public static Command Build(Shell shell) =>
        new Command("input", "Says what becomes of a task that asks for a person") { Id, Action, Words }
            .WithGateway()
            .Does(shell, RunAsync);

    private static async Task<int> RunAsync(CommandContext context, CancellationToken ct)
    {
        var action = context.Required(Action);
        if (action is not ("retry" or "accept" or "reject"))
        {
            throw new UsageException($"The action is \"{action}\"; write retry, accept or reject.");
        }

        var text = string.Join(' ', context.Required(Words));
        using var gateway = context.Connect();
        var request = new InputRequest(action, text.Length == 0 ? null : text);
        var task = await gateway.Tasks.GiveInputAsync(context.Required(Id), request, ct);
        if (context.Print.Json)
        {
            context.Print.JsonLine(task, Printer.Protocol.TaskDocument);
        }
        else
        {
            context.Print.Note($"Task {task.Id} is {task.State}.");
        }

        return ExitCode.Ok;
    }
}
