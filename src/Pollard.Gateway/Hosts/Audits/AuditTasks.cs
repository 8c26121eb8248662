using System.Text.Json;
using Pollard.Gateway.Answers;
using Pollard.Protocol.Api;
using Pollard.Tasks;

namespace Pollard.Gateway.Hosts.Audits;

/// <summary>Runs chats for audits: tasks like any other, so that hosts see no difference, with an owner that no key has.</summary>
internal sealed class AuditTasks(TaskEngine engine)
{
    /// <summary>Who owns them; the ids of keys look otherwise.</summary>
    public const string Owner = "audits";

    private static readonly TimeSpan QueueTimeout = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan RunTimeout = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Retention = TimeSpan.FromHours(1);

    /// <summary>Runs a chat to its end.</summary>
    /// <returns>Null when it did not complete, which says nothing about what hosts answer.</returns>
    public async Task<AuditAnswer?> RunAsync(
        string model,
        ReadOnlyMemory<byte> request,
        bool stream,
        TaskRequirements requires,
        CancellationToken ct
    )
    {
        var submission = await engine.SubmitAsync(
            new NewTask
            {
                Owner = Owner,
                Kind = Kinds.Chat,
                Model = model,
                Request = request,
                Requires = requires,
                Stream = stream,
                MaxAttempts = 1,
                QueueTimeout = QueueTimeout,
                RunTimeout = RunTimeout,
                Retention = Retention,
                Durability = Durability.Relaxed,
            },
            ct
        );
        if (submission is not { Outcome: SubmitOutcome.Accepted, Task: { } task })
        {
            return null;
        }

        var row = await task.WaitAsync(QueueTimeout + RunTimeout, ct);
        return
            row is { State: TaskState.Completed, Host: { } host }
            && await task.ReadResultAsync(ct) is { } result
            && ContentOf(result) is { } text
            ? new AuditAnswer(task.PublicId, host, text)
            : null;
    }

    /// <summary>The text that a task's client sent; null when it is deleted already.</summary>
    public async Task<ReadOnlyMemory<byte>?> RequestOfAsync(TaskId id, CancellationToken ct) =>
        await engine.FindAsync(id, owner: null, ct) is { } task ? await task.ReadRequestAsync(ct) : null;

    // Without what a model thinks aloud before it. Null when thinking took all the tokens there were.
    private static string? ContentOf(ReadOnlyMemory<byte> result)
    {
        var choice = JsonElement.Parse(result.Span).GetProperty("choices"u8)[0];
        var content = choice.GetProperty("message"u8).GetProperty("content"u8).GetString() ?? "";
        content = WithoutThoughts(content);
        return content.Length == 0 && choice.GetProperty("finish_reason"u8).ValueEquals("length"u8) ? null : content;
    }

    /// <summary>A text without what its model thought first, where that is in it.</summary>
    public static string WithoutThoughts(string content)
    {
        const string End = "</think>";
        var at = content.LastIndexOf(End, StringComparison.Ordinal);
        return at < 0 ? content : content[(at + End.Length)..];
    }
}

/// <summary>What a host answered to an audit.</summary>
/// <param name="Task">The public id of the audit's task.</param>
/// <param name="Host">The host's id.</param>
/// <param name="Text">The answer.</param>
internal sealed record AuditAnswer(string Task, string Host, string Text);
