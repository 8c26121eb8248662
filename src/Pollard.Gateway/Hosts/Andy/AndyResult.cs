using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Pollard.Gateway.Http;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Hosts.Andy;

/// <summary>What a host brings back, whichever server it asked, turned into output and the end of an attempt.</summary>
internal static class AndyResult
{
    private const int MostErrorCharacters = 500;

    /// <summary>Takes the body of a submission. What comes too late changes nothing.</summary>
    public static void Take(Attempt attempt, JsonElement submission)
    {
        var result = submission.Member("result") ?? default;
        if ((ErrorOf(submission) ?? ErrorOf(result)) is { } error)
        {
            Fail(attempt, error);
        }
        else if (attempt.Kind == "embedding")
        {
            TakeVector(attempt, result);
        }
        else
        {
            TakeChat(attempt, result);
        }

        attempt.Free();
    }

    /// <summary>Ends the attempt with a text, of which no more is known.</summary>
    public static void TakeText(Attempt attempt, string text)
    {
        Append(attempt, DeltaKind.Content, Encoding.UTF8.GetBytes(text));
        Finish(attempt, new Messages.Finish { FinishReasons = ["stop"] });
    }

    /// <summary>Ends the attempt with what OpenAI's API answers about embeddings.</summary>
    public static void TakeEmbeddings(Attempt attempt, string body)
    {
        try
        {
            using var parsed = JsonDocument.Parse(body);
            TakeVector(attempt, parsed.RootElement);
        }
        catch (JsonException)
        {
            Fail(attempt, "an embedding that is no JSON");
        }
    }

    /// <summary>Ends the attempt as failed by the host; another may do better.</summary>
    public static void Fail(Attempt attempt, string said)
    {
        var isTooLong =
            said.Contains("context", StringComparison.OrdinalIgnoreCase)
            && (
                said.Contains("length", StringComparison.OrdinalIgnoreCase)
                || said.Contains("exceed", StringComparison.OrdinalIgnoreCase)
            );
        attempt.Fail(
            attempt.NextSeq,
            new Messages.Fail
            {
                Code = isTooLong ? "context_length_exceeded" : "backend_error",
                Message = $"the host said: {PlainText.Of(said, MostErrorCharacters)}",
                Retryable = !isTooLong,
            }
        );
    }

    private static string? ErrorOf(JsonElement said) =>
        said.Member("error") switch
        {
            null or { ValueKind: JsonValueKind.False } => null,
            { ValueKind: JsonValueKind.String } => said.Text("error") ?? "an error",
            { } error => error.Text("message") ?? error.GetRawText(),
        };

    private static void TakeChat(Attempt attempt, JsonElement result)
    {
        var choice = result.Items("choices").FirstOrDefault();
        var message = result.Object("message") ?? choice.Object("message");
        var text = message is { } body
            ? body.Text("content") ?? AndyPrompt.TextOf(body)
            : result.Text("response") ?? (result.ValueKind == JsonValueKind.String ? result.GetString() : null);
        if (text is null)
        {
            Fail(attempt, "an answer without a message");
            return;
        }

        var said = message ?? default;
        if ((said.Text("thinking") ?? said.Text("reasoning_content")) is { Length: > 0 } thought)
        {
            Append(attempt, DeltaKind.Reasoning, Encoding.UTF8.GetBytes(thought));
        }

        if (text.Length > 0)
        {
            Append(attempt, DeltaKind.Content, Encoding.UTF8.GetBytes(text));
        }

        var calls = 0;
        foreach (var call in said.Items("tool_calls"))
        {
            Append(attempt, DeltaKind.ToolCall, ToolCall(calls++, call));
        }

        var reason = result.Text("done_reason") ?? choice.Text("finish_reason");
        Finish(
            attempt,
            new Messages.Finish
            {
                FinishReasons =
                [
                    calls > 0 ? "tool_calls"
                    : reason == "length" ? "length"
                    : "stop",
                ],
                Usage = UsageOf(result),
                Model = result.Word("model"),
                Timings = TimingsOf(result),
            }
        );
    }

    private static void TakeVector(Attempt attempt, JsonElement result)
    {
        var vector =
            result.Member("embedding")
            ?? result.Items("embeddings").Cast<JsonElement?>().FirstOrDefault()
            ?? result.Items("data").FirstOrDefault().Member("embedding");
        if (
            vector is not { ValueKind: JsonValueKind.Array } numbers
            || numbers.GetArrayLength() == 0
            || !numbers.EnumerateArray().All(static number => number.ValueKind == JsonValueKind.Number)
        )
        {
            Fail(attempt, "an answer without an embedding");
            return;
        }

        var tokens =
            (result.Object("usage") ?? default).Number("prompt_tokens") ?? result.Number("prompt_eval_count") ?? 0;
        var usage = Object(json => WriteCounts(json, tokens, null));
        var list = Object(json =>
        {
            json.WriteString("object"u8, "list"u8);
            json.WriteStartArray("data"u8);
            json.WriteStartObject();
            json.WriteString("object"u8, "embedding"u8);
            json.WriteNumber("index"u8, 0);
            json.WritePropertyName("embedding"u8);
            numbers.WriteTo(json);
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteString("model"u8, attempt.Model);
            json.WritePropertyName("usage"u8);
            json.WriteRawValue(usage);
        });
        Append(attempt, DeltaKind.Body, list);
        Finish(attempt, new Messages.Finish { Usage = JsonElement.Parse(usage), Model = result.Word("model") });
    }

    private static void Append(Attempt attempt, DeltaKind kind, byte[] data) =>
        attempt.Append(attempt.NextSeq, kind, 0, new ReadOnlySequence<byte>(data));

    private static void Finish(Attempt attempt, Messages.Finish finish)
    {
        attempt.Flush();
        attempt.Finish(attempt.NextSeq, finish);
    }

    private static JsonElement? UsageOf(JsonElement result)
    {
        if (result.Object("usage") is { } usage && usage.Number("completion_tokens") is >= 0 and var said)
        {
            return JsonElement.Parse(Object(json => WriteCounts(json, usage.Number("prompt_tokens") ?? 0, said)));
        }

        return result.Number("eval_count") is >= 0 and var answer
            ? JsonElement.Parse(Object(json => WriteCounts(json, result.Number("prompt_eval_count") ?? 0, answer)))
            : null;
    }

    private static void WriteCounts(Utf8JsonWriter json, long prompt, long? answer)
    {
        prompt = Math.Clamp(prompt, 0, int.MaxValue);
        answer = answer is { } said ? Math.Clamp(said, 0, int.MaxValue) : null;
        json.WriteNumber("prompt_tokens"u8, prompt);
        if (answer is { } tokens)
        {
            json.WriteNumber("completion_tokens"u8, tokens);
        }

        json.WriteNumber("total_tokens"u8, prompt + (answer ?? 0));
    }

    private static Messages.BackendTimings? TimingsOf(JsonElement result) =>
        result.Number("total_duration") is { } total
            ? new(
                total,
                result.Number("load_duration"),
                result.Number("prompt_eval_duration"),
                result.Number("eval_duration")
            )
            : null;

    private static byte[] ToolCall(int index, JsonElement call)
    {
        var function = call.Object("function") ?? default;
        return Object(json =>
        {
            json.WriteNumber("index"u8, index);
            json.WriteString(
                "id"u8,
                call.Word("id") ?? $"call_{RandomNumberGenerator.GetHexString(24, lowercase: true)}"
            );
            json.WriteString("type"u8, "function"u8);
            json.WriteStartObject("function"u8);
            json.WriteString("name"u8, function.Text("name") ?? "");
            json.WriteString(
                "arguments"u8,
                function.Text("arguments") ?? function.Member("arguments")?.GetRawText() ?? "{}"
            );
            json.WriteEndObject();
        });
    }

    private static byte[] Object(Action<Utf8JsonWriter> members)
    {
        var output = new ArrayBufferWriter<byte>();
        JsonReply.Fill(
            output,
            members,
            static (json, members) =>
            {
                json.WriteStartObject();
                members(json);
                json.WriteEndObject();
            }
        );
        return output.WrittenSpan.ToArray();
    }
}
