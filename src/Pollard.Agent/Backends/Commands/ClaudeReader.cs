using System.Text;
using System.Text.Json;
using Pollard.Agent.Backends.Http;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends.Commands;

/// <summary>
/// Reads what Claude Code tells. Without tools its text is the answer as it comes. With tools only the end says which text was
/// the answer: what comes before a call of a tool goes out as reasoning.
/// </summary>
internal sealed class ClaudeReader(CommandBackendOptions options, bool hasTools, bool hasShape) : JsonLines(options)
{
    private const string Name = "claude";
    private const int MostBeginning = 200;

    private readonly bool _isLive = !hasTools && !hasShape;
    private readonly StringBuilder _streamed = new();
    private readonly StringBuilder _beginning = new();
    private string _interim = "";
    private string? _model;
    private JsonElement? _result;

    protected override async ValueTask LineAsync(JsonElement line, RunOutput output, CancellationToken ct)
    {
        switch (line.Text("type"))
        {
            case "system":
                await SystemAsync(line, output, ct);
                break;
            case "stream_event" when line.Member("parent_tool_use_id") is null && line.Member("event") is { } happened:
                await StreamAsync(happened, output, ct);
                break;
            case "assistant" when line.Member("parent_tool_use_id") is null && line.Member("message") is { } message:
                await MessageAsync(message, output, ct);
                break;
            case "result":
                _result = line.Clone();
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
        if (_result is not { } result)
        {
            return WorkResult.Failed(CommandFailure.Exited(Name, exitCode, errors));
        }

        if (result.IsTrue("is_error") || result.Text("subtype") != "success")
        {
            return WorkResult.Failed(FailureOf(result));
        }

        var answer = result.Text("result") ?? "";
        if (hasShape)
        {
            // A model that never complies is told as a success too, only without this member.
            if (result.Member("structured_output") is not { } shaped)
            {
                return WorkResult.Failed(
                    CommandFailure.Said(Name, "the model gave no output that meets the schema", code: "bad_answer")
                );
            }

            answer = shaped.GetRawText();
        }

        if (_streamed.Length == 0)
        {
            await output.ContentAsync(answer, ct);
        }
        else if (!_streamed.ToString().EndsWith(answer, StringComparison.Ordinal))
        {
            return WorkResult.Failed(Anew());
        }

        return WorkResult.Finished(FinishOf(result));
    }

    private async ValueTask SystemAsync(JsonElement line, RunOutput output, CancellationToken ct)
    {
        switch (line.Text("subtype"))
        {
            case "init":
                _model ??= line.Text("model");
                await KnowSessionAsync(line.Text("session_id"), output, ct);
                break;
            case "api_retry":
                var (attempt, most) = (line.Integer("attempt"), line.Integer("max_retries"));
                var status = line.Integer("error_status") is { } code ? $" ({code})" : "";
                await output.PhaseAsync("waiting", $"the upstream failed{status}: retry {attempt} of {most}", ct);
                break;
            case "status" when line.Text("status") == "requesting":
                await output.PhaseAsync("waiting", "for the model", ct);
                break;
            default:
                break;
        }
    }

    private async ValueTask StreamAsync(JsonElement happened, RunOutput output, CancellationToken ct)
    {
        switch (happened.Text("type"))
        {
            case "message_start":
                _beginning.Clear();
                if (_streamed.Length > 0)
                {
                    throw new BackendException(Anew()); // What went out cannot be taken back.
                }

                break;
            case "content_block_start" when happened.Member("content_block") is { } block:
                if (block.Text("type") == "tool_use")
                {
                    await output.PhaseAsync("tool", block.Text("name"), ct);
                }

                break;
            case "content_block_delta" when happened.Member("delta") is { } delta:
                await DeltaAsync(delta, output, ct);
                break;
            default:
                break;
        }
    }

    private async ValueTask DeltaAsync(JsonElement delta, RunOutput output, CancellationToken ct)
    {
        if (delta.Text("thinking") is { } thought)
        {
            await output.PhaseAsync("thinking", null, ct);
            await output.ReasoningAsync(thought, ct);
        }
        else if (delta.Text("text") is { } text)
        {
            if (_beginning.Length < MostBeginning)
            {
                _beginning.Append(text);
            }

            await output.PhaseAsync("text", _beginning.ToString(), ct);
            if (_isLive)
            {
                _streamed.Append(text);
                await output.ContentAsync(text, ct);
            }
        }
    }

    private async ValueTask MessageAsync(JsonElement message, RunOutput output, CancellationToken ct)
    {
        if (_isLive)
        {
            return; // All of it came in pieces.
        }

        foreach (var block in message.Items("content"))
        {
            var text = block.Text("type") == "text" ? block.Text("text") : null;
            if (text is null && block.Text("type") != "tool_use")
            {
                continue;
            }

            // More comes, so that what came before was not the answer.
            await output.ReasoningAsync(_interim, ct);
            _interim = text is { Length: > 0 } ? text + "\n" : "";
            if (text is null)
            {
                await output.PhaseAsync("tool", block.Text("name"), ct);
            }
        }
    }

    private static Messages.Fail Anew() =>
        CommandFailure.Said(Name, "it began its answer anew after its upstream had broken off");

    private static Messages.Fail FailureOf(JsonElement result)
    {
        var said = string.Join("; ", result.Items("errors").Select(error => error.ToString()));
        said = said.Length > 0 ? said : result.Text("result") ?? result.Text("subtype") ?? "it failed";
        var status = (int?)result.Integer("api_error_status");
        var (code, retryable) = status switch
        {
            429 => ("rate_limited", true),
            401 or 403 => ("backend_refused", true), // The login is the owner's: another host may have a better one.
            400 or 413 => ("bad_request", false),
            _ => ("command_failed", result.Text("subtype")?.StartsWith("error_max", StringComparison.Ordinal) != true),
        };
        return CommandFailure.Said(Name, said, retryable, code) with { Status = status };
    }

    private Messages.Finish FinishOf(JsonElement result) =>
        new()
        {
            FinishReasons =
            [
                result.Text("stop_reason") switch
                {
                    "max_tokens" => "length",
                    "refusal" => "content_filter",
                    _ => "stop",
                },
            ],
            Model = _model,
            Usage = UsageOf(result),
            Extra = CommandJson.Extra(Session, result.Integer("num_turns")),
        };

    private static JsonElement? UsageOf(JsonElement result)
    {
        if (result.Member("usage") is not { } usage)
        {
            return null;
        }

        var cached = usage.Integer("cache_read_input_tokens") ?? 0;
        var prompt =
            (usage.Integer("input_tokens") ?? 0) + (usage.Integer("cache_creation_input_tokens") ?? 0) + cached;
        var cost = result.Member("total_cost_usd") is { ValueKind: JsonValueKind.Number } dollars
            ? dollars.GetDouble()
            : (double?)null;
        return CommandJson.Usage(prompt, usage.Integer("output_tokens") ?? 0, cached, null, cost);
    }
}
