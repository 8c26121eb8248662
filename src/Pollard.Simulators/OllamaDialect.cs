using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Pollard.Simulators;

/// <summary>Writes answers as Ollama does: one JSON object a line, the last with <c>done: true</c> and the figures.</summary>
internal sealed class OllamaDialect(string model, bool chat, TimeProvider time) : ReplyDialect
{
    // Go writes text as it is, not as \u escapes.
    private static readonly JsonWriterOptions AsGoDoes = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly long _started = time.GetTimestamp();

    public override string StreamType => "application/x-ndjson";

    public override void Piece(IBufferWriter<byte> output, int choice, PieceKind kind, string text, Reply reply) =>
        Line(output, json => WriteBody(json, kind, text, reply));

    public override void End(IBufferWriter<byte> output, IReadOnlyList<Reply> replies) =>
        Line(
            output,
            json =>
            {
                WriteBody(json, PieceKind.Content, "", replies[0]);
                WriteEnd(json, replies[0]);
            }
        );

    public override void Whole(IBufferWriter<byte> output, IReadOnlyList<Reply> replies)
    {
        var reply = replies[0];
        Line(
            output,
            json =>
            {
                var content = string.Concat(reply.Content);
                if (chat)
                {
                    json.WriteStartObject("message");
                    json.WriteString("role", "assistant");
                    json.WriteString("content", content);
                    WriteThinking(json, string.Concat(reply.Reasoning));
                    WriteToolCalls(json, reply);
                    json.WriteEndObject();
                }
                else
                {
                    json.WriteString("response", content);
                    WriteThinking(json, string.Concat(reply.Reasoning));
                }

                WriteEnd(json, reply);
            }
        );
    }

    public override void Error(IBufferWriter<byte> output, string message)
    {
        WriteError(output, message);
        output.Write("\n"u8);
    }

    public static void WriteError(IBufferWriter<byte> output, string message) =>
        WriteObject(output, json => json.WriteString("error", message));

    public static void WriteObject(IBufferWriter<byte> output, Action<Utf8JsonWriter> write)
    {
        using Utf8JsonWriter json = new(output, AsGoDoes);
        json.WriteStartObject();
        write(json);
        json.WriteEndObject();
    }

    public static void WriteEmbeddings(
        Utf8JsonWriter json,
        string model,
        IReadOnlyList<float[]> vectors,
        IReadOnlyList<string> inputs
    )
    {
        json.WriteString("model", model);
        json.WriteStartArray("embeddings");
        foreach (var vector in vectors)
        {
            json.WriteStartArray();
            WriteNumbers(json, vector);
        }

        json.WriteEndArray();
        json.WriteNumber("total_duration", 1_000_000);
        json.WriteNumber("load_duration", 100_000);
        json.WriteNumber("prompt_eval_count", inputs.Sum(TextGenerator.Count));
    }

    public static void WriteVector(Utf8JsonWriter json, string name, float[] vector)
    {
        json.WriteStartArray(name);
        WriteNumbers(json, vector);
    }

    private static void WriteNumbers(Utf8JsonWriter json, float[] vector)
    {
        foreach (var number in vector)
        {
            json.WriteNumberValue(number);
        }

        json.WriteEndArray();
    }

    private void Line(IBufferWriter<byte> output, Action<Utf8JsonWriter> write)
    {
        WriteObject(
            output,
            json =>
            {
                json.WriteString("model", model);
                json.WriteString("created_at", time.GetUtcNow().UtcDateTime);
                write(json);
            }
        );
        output.Write("\n"u8);
    }

    private void WriteBody(Utf8JsonWriter json, PieceKind kind, string text, Reply reply)
    {
        var content = kind == PieceKind.Content ? text : "";
        var thinking = kind == PieceKind.Reasoning ? text : "";
        if (chat)
        {
            json.WriteStartObject("message");
            json.WriteString("role", "assistant");
            json.WriteString("content", content);
            WriteThinking(json, thinking);
            if (kind == PieceKind.ToolCall)
            {
                WriteToolCalls(json, reply);
            }

            json.WriteEndObject();
        }
        else
        {
            json.WriteString("response", content);
            WriteThinking(json, thinking);
        }

        if (kind != PieceKind.Content || text.Length > 0)
        {
            json.WriteBoolean("done", false);
        }
    }

    private static void WriteThinking(Utf8JsonWriter json, string thinking)
    {
        if (thinking.Length > 0)
        {
            json.WriteString("thinking", thinking);
        }
    }

    private static void WriteToolCalls(Utf8JsonWriter json, Reply reply)
    {
        if (reply.ToolCall is not { } call)
        {
            return;
        }

        json.WriteStartArray("tool_calls");
        json.WriteStartObject();
        json.WriteString("id", call.Id);
        json.WriteStartObject("function");
        json.WriteNumber("index", 0);
        json.WriteString("name", call.Name);
        json.WritePropertyName("arguments");
        json.WriteRawValue(call.Arguments);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private void WriteEnd(Utf8JsonWriter json, Reply reply)
    {
        var total = (long)time.GetElapsedTime(_started).TotalNanoseconds;
        json.WriteBoolean("done", true);
        json.WriteString("done_reason", reply.FinishReason == "length" ? "length" : "stop");
        if (!chat)
        {
            json.WriteStartArray("context");
            json.WriteNumberValue(1);
            json.WriteNumberValue(2);
            json.WriteEndArray();
        }

        json.WriteNumber("total_duration", total + 2);
        json.WriteNumber("load_duration", 1);
        json.WriteNumber("prompt_eval_count", reply.PromptTokens);
        json.WriteNumber("prompt_eval_duration", 1);
        json.WriteNumber("eval_count", reply.CompletionTokens);
        json.WriteNumber("eval_duration", total);
    }
}
