using System.Text.Json;
using Pollard.Agent.Backends.Http;

namespace Pollard.Agent.Backends.Commands;

/// <summary>Reads what Codex tells. Its last message is the answer; earlier ones go out as reasoning.</summary>
internal sealed class CodexReader(CommandBackendOptions options, bool isJson) : JsonLines(options)
{
    private const string Name = "codex";

    private string? _answer;
    private string? _failure;
    private JsonElement? _usage;

    protected override async ValueTask LineAsync(JsonElement line, RunOutput output, CancellationToken ct)
    {
        switch (line.Text("type"))
        {
            case "thread.started":
                await KnowSessionAsync(line.Text("thread_id"), output, ct);
                break;
            case "turn.started":
                await output.PhaseAsync("waiting", "for the model", ct);
                break;
            case "item.started" or "item.updated" or "item.completed" when line.Member("item") is { } item:
                await ItemAsync(item, line.Text("type") == "item.completed", output, ct);
                break;
            case "turn.completed":
                _failure = null;
                _usage = line.Member("usage") is { } usage ? UsageOf(usage) : null;
                break;
            case "turn.failed":
                _failure = (line.Member("error") ?? default).Text("message") ?? "the turn failed";
                break;
            case "error":
                _failure = line.Text("message") ?? "it failed"; // Unless a turn completes after all.
                await output.PhaseAsync("waiting", $"the upstream failed: {_failure}", ct);
                break;
            default:
                break;
        }
    }

    public override async ValueTask<WorkResult> EndAsync(
        int exitCode,
        string errors,
        RunOutput output,
        CancellationToken ct
    )
    {
        if (_failure is not null)
        {
            return WorkResult.Failed(CommandFailure.Said(Name, _failure));
        }

        if (exitCode != 0 || _answer is null)
        {
            return WorkResult.Failed(CommandFailure.Exited(Name, exitCode, errors));
        }

        if (isJson && !IsObject(_answer))
        {
            return WorkResult.Failed(
                CommandFailure.Said(Name, "the model gave no output that meets the schema", code: "bad_answer")
            );
        }

        await output.ContentAsync(_answer, ct);
        return WorkResult.Finished(
            new()
            {
                FinishReasons = ["stop"],
                Usage = _usage,
                Extra = CommandJson.Extra(Session, null),
            }
        );
    }

    private async ValueTask ItemAsync(JsonElement item, bool isWhole, RunOutput output, CancellationToken ct)
    {
        switch (item.Text("type"))
        {
            case "agent_message":
                await output.PhaseAsync("text", item.Text("text"), ct);
                if (isWhole)
                {
                    await output.ReasoningAsync(_answer is { Length: > 0 } ? _answer + "\n" : "", ct);
                    _answer = item.Text("text");
                }

                break;
            case "reasoning":
                await output.PhaseAsync("thinking", null, ct);
                await output.ReasoningAsync(isWhole && item.Text("text") is { } thought ? thought + "\n" : "", ct);
                break;
            case "mcp_tool_call":
                await output.PhaseAsync("tool", $"{item.Text("server")}.{item.Text("tool")}", ct);
                break;
            case "command_execution" or "file_change" or "web_search":
                await output.PhaseAsync("tool", item.Text("type"), ct);
                break;
            default:
                break; // Lists of things to do, and warnings.
        }
    }

    private static JsonElement UsageOf(JsonElement usage) =>
        CommandJson.Usage(
            usage.Integer("input_tokens") ?? 0,
            usage.Integer("output_tokens") ?? 0,
            usage.Integer("cached_input_tokens") ?? 0,
            usage.Integer("reasoning_output_tokens") ?? 0,
            null
        );

    private static bool IsObject(string answer)
    {
        try
        {
            using var document = JsonDocument.Parse(answer);
            return document.RootElement.ValueKind is JsonValueKind.Object or JsonValueKind.Array;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
