using System.CommandLine;
using System.Text.Json;
using Pollard.Client;
using Pollard.Configuration;
using Pollard.Output;
using Pollard.Protocol.Api;

namespace Pollard.Commands;

/// <summary><c>pollard ask</c>: a prompt from the shell. It is a task, so a broken connection costs nothing.</summary>
internal static class AskCommand
{
    // Prompts above it belong into a request of their own, not through a pipe into a chat.
    private const int MaxPromptCharacters = 8 * 1024 * 1024;

    private static readonly Argument<string[]> Prompt = new("prompt")
    {
        Description = "What to ask; what is piped in comes after it",
        Arity = ArgumentArity.ZeroOrMore,
        DefaultValueFactory = _ => [],
    };

    private static readonly Option<string?> Model = CommonOptions.Text(
        "--model",
        "MODEL",
        "The model. Default: the only one that is served"
    );

    private static readonly Option<string?> System = CommonOptions.CallText(
        "--system",
        "TEXT",
        "What the model should know or be before it reads the prompt"
    );

    private static readonly Option<bool> Background = CommonOptions.CallSwitch(
        "--background",
        "Hand it in, print the task's id, and go"
    );

    private static readonly Option<bool> Wait = CommonOptions.CallSwitch(
        "--wait",
        "Print the answer when it is complete, not as it comes"
    );

    private static readonly Option<string?> Priority = CommonOptions.CallText(
        "--priority",
        "N",
        "-100 to 100; one point is worth ten seconds of waiting. Default: 0"
    );

    private static readonly Option<string?> Timeout = CommonOptions.CallText(
        "--timeout",
        "DURATION",
        "How long the model may take: 90, 15m, 2h. Default: what the gateway says"
    );

    private static readonly Option<string?> MaxTokens = CommonOptions.CallText(
        "--max-tokens",
        "N",
        "Tokens of the answer at the most. Default: what the model says"
    );

    public static Command Build(Shell shell) =>
        new Command("ask", "Asks a model, and prints its answer as it comes") { Prompt }
            .With(Model, System, Background, Wait, Priority, Timeout, MaxTokens)
            .WithGateway()
            .Does(shell, RunAsync);

    private static async Task<int> RunAsync(CommandContext context, CancellationToken ct)
    {
        var settings = context.Settings;
        var prompt = await ReadPromptAsync(context, ct);
        using var gateway = context.Connect();
        var model = settings.Text(Model) ?? await OnlyModelAsync(gateway, context, ct);
        var task = await gateway.Tasks.SubmitAsync(
            new SubmitTask
            {
                Kind = "chat",
                Model = model,
                Request = Chat(settings, prompt),
                Priority = settings.Number(Priority, -100, 100),
                Timeout = settings.Duration(Timeout)?.TotalSeconds,
            },
            cancellationToken: ct
        );
        if (settings.IsOn(Background))
        {
            PrintTaken(context.Print, task);
            return ExitCode.Ok;
        }

        try
        {
            return settings.IsOn(Wait) || context.Print.Json
                ? await WaitAsync(context, gateway, task, ct)
                : await StreamAsync(context, gateway, task, ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            await CancelAsync(gateway, task.Id);
            throw;
        }
    }

    private static void PrintTaken(Printer print, TaskDocument task)
    {
        if (print.Json)
        {
            print.JsonLine(task, Printer.Protocol.TaskDocument);
            return;
        }

        print.Line(task.Id);
        print.Hint($"Read on with: pollard tasks watch {task.Id}");
    }

    private static async Task<int> WaitAsync(
        CommandContext context,
        PollardClient gateway,
        TaskDocument task,
        CancellationToken ct
    )
    {
        var ended = await gateway.Tasks.WaitAsync(task.Id, cancellationToken: ct);
        if (context.Print.Json)
        {
            context.Print.JsonLine(ended, Printer.Protocol.TaskDocument);
        }
        else
        {
            TaskPrinter.Outcome(context.Print, ended);
        }

        return TaskPrinter.ExitCodeOf(ended);
    }

    private static async Task<int> StreamAsync(
        CommandContext context,
        PollardClient gateway,
        TaskDocument task,
        CancellationToken ct
    )
    {
        var print = context.Print;
        var wrote = false;
        await foreach (var happened in gateway.Tasks.EventsAsync(task.Id, cancellationToken: ct))
        {
            if (happened is { Type: "delta", Kind: "content", Choice: null or 0, Text: { Length: > 0 } text })
            {
                wrote = true;
                print.Piece(text);
            }
            else if (happened.Type is "lost" or "redispatched")
            {
                print.Hint($"(task {task.Id}: {happened.Type})");
            }
        }

        if (wrote)
        {
            print.Line();
        }

        var ended = await gateway.Tasks.GetAsync(task.Id, ct);
        if (ended.State != "completed" || !wrote)
        {
            TaskPrinter.Outcome(print, ended); // A model may answer without a single piece: a call of a tool, say.
        }

        return TaskPrinter.ExitCodeOf(ended);
    }

    // Whoever stops reading does not want the model to go on. No token: the call's own is the one that ended.
    private static async Task CancelAsync(PollardClient gateway, string id)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2), TimeProvider.System);
        try
        {
            await gateway.Tasks.CancelAsync(id, limit.Token);
        }
        catch (Exception e) when (e is PollardException or OperationCanceledException)
        {
            // It ended first, or the gateway is away. Either way there is nobody left to tell.
        }
    }

    private static async Task<string> OnlyModelAsync(
        PollardClient gateway,
        CommandContext context,
        CancellationToken ct
    )
    {
        var models = await gateway.Models.ListAsync(ct);
        switch (models)
        {
            case [var only]:
                context.Print.Hint($"(model: {only.Id})");
                return only.Id;
            case []:
                throw new CommandFailedException(
                    "No host serves a model. Start an agent, or name a model with --model and the task waits for one."
                );
            default:
                var names = string.Join(", ", models.Select(model => model.Id));
                throw new UsageException($"Which model? Name one with --model or POLLARD_MODEL: {names}");
        }
    }

    private static async Task<string> ReadPromptAsync(CommandContext context, CancellationToken ct)
    {
        string[] words = [.. context.Required(Prompt).Where(word => word != "-")];
        var prompt = string.Join(' ', words);
        if (!context.Shell.InIsTerminal)
        {
            var piped = (await context.Shell.In.ReadToEndAsync(ct)).TrimEnd();
            prompt = string.Join("\n\n", new[] { prompt, piped }.Where(part => part.Length > 0));
        }

        return prompt.Length switch
        {
            0 => throw new UsageException("Ask something: pollard ask \"Why is the sky blue?\""),
            > MaxPromptCharacters => throw new UsageException(
                $"The prompt has {prompt.Length} characters; at most {MaxPromptCharacters} can be asked."
            ),
            _ => prompt,
        };
    }

    private static JsonElement Chat(Settings settings, string prompt)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteStartArray("messages");
            if (settings.Text(System) is { } system)
            {
                WriteMessage(json, "system", system);
            }

            WriteMessage(json, "user", prompt);
            json.WriteEndArray();
            if (settings.Number(MaxTokens, 1, int.MaxValue) is { } most)
            {
                json.WriteNumber("max_tokens", most);
            }

            json.WriteEndObject();
        }

        using var document = JsonDocument.Parse(bytes.ToArray());
        return document.RootElement.Clone();
    }

    private static void WriteMessage(Utf8JsonWriter json, string role, string content)
    {
        json.WriteStartObject();
        json.WriteString("role", role);
        json.WriteString("content", content);
        json.WriteEndObject();
    }
}
