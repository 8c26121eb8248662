using System.Buffers;
using System.Text.Json;
using System.Text.RegularExpressions;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Protocol.Api;
using Pollard.Tasks;
using Pollard.Tasks.Validation;

namespace Pollard.Gateway.Validation;

/// <summary><c>agent_task</c> and <c>ai_contradiction_check</c>: another model looks at the answer, in a task of its own.</summary>
/// <param name="modelNames">Turns a name as clients write it into one that is served.</param>
internal sealed partial class ModelChecks(Func<string, string> modelNames)
{
    /// <summary>A check by a prompt of the client's.</summary>
    public const string AgentTask = "agent_task";

    /// <summary>A check for contradictions.</summary>
    public const string ContradictionCheck = "ai_contradiction_check";

    private const int MostAnswerTokens = 1500;
    private const int MostReports = 2;
    private const int MostShown = 2000;

    [GeneratedRegex(@"\{(?:CODE_TO_VALIDATE|TEXT_TO_VALIDATE|ORIGINAL_USER_PROMPT)\}", RegexOptions.NonBacktracking)]
    private static partial Regex Placeholder { get; }

    private const string AgentRules =
        "You are a diligent validation agent. Do the validation task exactly, with the tools it names. Respond ONLY with one JSON "
        + "object: {\"validation_passed\": true or false, \"reasoning\": \"why\", \"details\": {}}.";

    /// <summary><c>agent_task</c>.</summary>
    public AnswerCheck Agent(ParamReader given)
    {
        var older = given.Text("task_prompt_to_claude");
        var prompt = given.Text("task_prompt") ?? older;
        if (string.IsNullOrWhiteSpace(prompt))
        {
            throw given.Missing("task_prompt");
        }

        var model = ModelOf(given);
        var tools = ToolsOf(given, out var config);
        var criteria = SuccessCriteria.Read(given.Within("success_criteria"));
        given.End();
        return (answer, ct) =>
            AskAsync(new(AgentTask, model, Filled(prompt, answer.Source) + tools, config, criteria), answer, ct);
    }

    /// <summary><c>ai_contradiction_check</c>.</summary>
    public AnswerCheck Contradiction(ParamReader given)
    {
        var fixedText = given.Text("text_to_check");
        var topic = given.Text("topic_context");
        var model = ModelOf(given);
        var tools = ToolsOf(given, out var config);
        given.End();
        return (answer, ct) =>
        {
            var text = string.IsNullOrWhiteSpace(fixedText) ? answer.Text : Filled(fixedText, answer.Source);
            var about = string.IsNullOrWhiteSpace(topic) ? "" : $" Its topic: {topic}.";
            var prompt =
                $"Does the following text contradict itself, or facts that are well established?{about} Answer with "
                + "\"validation_passed\": true when it does not, and false when it does; say in \"reasoning\" what contradicts "
                + $"what.{tools}\n\nText:\n{text}";
            return AskAsync(new(ContradictionCheck, model, prompt, config, SuccessCriteria.None), answer, ct);
        };
    }

    private static string? ModelOf(ParamReader given)
    {
        var alias = given.Text("validation_model_alias");
        var model = given.Text("validation_model") ?? alias;
        return model is { Length: 0 } ? throw given.Wrong("validation_model", "must not be empty") : model;
    }

    /// <summary>What the prompt says of tools. Those that are required must be among those that are given, where any are given.</summary>
    private static string ToolsOf(ParamReader given, out JsonElement? config)
    {
        config = given.Object("mcp_config");
        if (given.Texts("required_mcp_tools") is not { } tools)
        {
            return "";
        }

        if (config is { } own)
        {
            var servers = own.TryGetProperty("mcpServers"u8, out var named) ? named : own;
            var lacking = Array.Find(
                tools,
                tool => servers.ValueKind != JsonValueKind.Object || !servers.TryGetProperty(tool, out _)
            );
            if (lacking is not null)
            {
                throw given.Wrong(
                    "required_mcp_tools",
                    $"names \"{DoorError.Quote(lacking)}\", which mcp_config does not have"
                );
            }
        }

        return $"\n\nUse these tools: {string.Join(", ", tools)}.";
    }

    /// <summary>In one go: what is filled in is never looked at again.</summary>
    private static string Filled(string prompt, ReviewedAnswer answer) =>
        Placeholder.Replace(
            prompt,
            match =>
                match.ValueSpan is "{ORIGINAL_USER_PROMPT}"
                    ? FirstRequest.PromptOf(answer.Row, answer.Request)
                    : answer.Text
        );

    private async ValueTask<Finding> AskAsync(Question question, CheckedAnswer answer, CancellationToken ct)
    {
        // A report that cannot be read says nothing of the answer: the model is asked once more.
        for (var attempt = 1; ; attempt++)
        {
            var report = await ReportAsync(question, answer, attempt, ct);
            if (AgentReport.Judge(report.Text, question.Criteria) is { } finding)
            {
                return finding with { Debug = report.Debug };
            }

            if (attempt == MostReports)
            {
                throw new ReviewException(
                    $"{question.Validator}: model \"{report.Model}\" did not report in JSON, in {MostReports} attempts"
                );
            }
        }
    }

    private async Task<Report> ReportAsync(Question question, CheckedAnswer answer, int attempt, CancellationToken ct)
    {
        var (source, row) = (answer.Source, answer.Source.Row);
        var model = question.Model is null ? row.Model : modelNames(question.Model);
        var key = $"validate:{source.PublicId}:{row.Generation}:{source.Number}:{answer.Index}";
        var asked = await source.AskAsync(
            new NewTask
            {
                Owner = row.Owner,
                Kind = Kinds.Chat,
                Model = model,
                Request = RequestOf(model, question),
                Requires = WhoMayRead(row),
                Durability = Durability.Full,
                RunTimeout = row.RunTimeout > TimeSpan.Zero ? row.RunTimeout : null,
                Metadata = MetadataOf(source, question.Validator),
                IdempotencyKey = attempt == 1 ? key : $"{key}:{attempt}",
            },
            ct
        );
        if (asked.Result is not { } result)
        {
            var reason = asked.Row.Error?.Message ?? asked.Row.State.ToString();
            throw new ReviewException(
                $"{question.Validator}: the task of model \"{model}\" did not complete: {reason}"
            );
        }

        var (id, text) = ChatText.Of(result);
        return new Report(model, text, DebugOf(id, model, text));
    }

    // The text is the task's: whoever was kept from that, by trust, label or name, does not get it by way of a check either. What
    // its model had to be able to do was for its own work.
    private static TaskRequirements? WhoMayRead(TaskRow row) =>
        row.Requires is { } required
            ? new()
            {
                Tier = required.Tier,
                Labels = required.Labels,
                Host = required.Host,
            }
            : null;

    private static byte[] RequestOf(string model, Question question) =>
        Written(json =>
        {
            json.WriteString("model"u8, model);
            json.WriteStartArray("messages"u8);
            FirstRequest.WriteMessage(json, "system", AgentRules);
            FirstRequest.WriteMessage(json, "user", question.Prompt);
            json.WriteEndArray();
            json.WriteStartObject("response_format"u8);
            json.WriteString("type"u8, "json_object"u8);
            json.WriteEndObject();
            json.WriteNumber("temperature"u8, 0);
            json.WriteNumber("max_tokens"u8, MostAnswerTokens);
            if (question.McpConfig is { } own)
            {
                json.WritePropertyName("mcp_config"u8);
                own.WriteTo(json);
            }
        });

    private static string MetadataOf(ReviewedAnswer answer, string validator) =>
        System.Text.Encoding.UTF8.GetString(
            Written(json =>
            {
                json.WriteString("validates"u8, answer.PublicId);
                json.WriteNumber("attempt"u8, answer.Number);
                json.WriteString("validator"u8, validator);
            })
        );

    private static JsonElement DebugOf(string? id, string model, string report) =>
        JsonElement.Parse(
            Written(json =>
            {
                json.WriteString("task"u8, id);
                json.WriteString("model"u8, model);
                json.WriteString("report"u8, report.Length <= MostShown ? report : report[..MostShown]);
            })
        );

    private static byte[] Written(Action<Utf8JsonWriter> members)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(bytes, JsonReply.WriterOptions);
        json.WriteStartObject();
        members(json);
        json.WriteEndObject();
        json.Flush();
        return bytes.WrittenSpan.ToArray();
    }

    private sealed record Question(
        string Validator,
        string? Model,
        string Prompt,
        JsonElement? McpConfig,
        SuccessCriteria Criteria
    );

    private sealed record Report(string Model, string Text, JsonElement Debug);
}
