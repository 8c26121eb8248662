using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Pollard.Simulators;

/// <summary>Writes answers as OpenAI's responses API does: named and numbered events around items of output, or one response.</summary>
/// <param name="model">The model's name.</param>
/// <param name="namespaces">The namespace of each tool that has one.</param>
/// <param name="time">The clock.</param>
internal sealed class ResponsesDialect(string model, IReadOnlyDictionary<string, string> namespaces, TimeProvider time)
    : ReplyDialect
{
    private readonly string _id = $"resp_simulator{time.GetTimestamp():x}";
    private readonly long _created = time.GetUtcNow().ToUnixTimeSeconds();
    private PieceKind? _open;
    private int _item = -1;
    private int _number;

    public override string StreamType => "text/event-stream";

    public override void Begin(IBufferWriter<byte> output, int choice)
    {
        foreach (var type in (ReadOnlySpan<string>)["response.created", "response.in_progress"])
        {
            Event(output, type, json => WriteResponse(json, "response", "in_progress", null));
        }
    }

    public override void Piece(IBufferWriter<byte> output, int choice, PieceKind kind, string text, Reply reply)
    {
        Open(output, kind, reply);
        switch (kind)
        {
            case PieceKind.Reasoning:
                Delta(output, "response.reasoning_summary_text.delta", "summary_index", text);
                break;
            case PieceKind.Content:
                Delta(output, "response.output_text.delta", "content_index", text);
                break;
            default:
                foreach (var fragment in TextGenerator.Cut(reply.ToolCall!.Value.Arguments))
                {
                    Delta(output, "response.function_call_arguments.delta", null, fragment);
                }

                break;
        }
    }

    public override void End(IBufferWriter<byte> output, IReadOnlyList<Reply> replies)
    {
        var reply = replies[0];
        Close(output, reply);
        var type = reply.FinishReason == "length" ? "incomplete" : "completed";
        Event(output, "response." + type, json => WriteResponse(json, "response", type, reply));
    }

    public override void Whole(IBufferWriter<byte> output, IReadOnlyList<Reply> replies)
    {
        using Utf8JsonWriter json = new(output);
        WriteResponse(json, null, replies[0].FinishReason == "length" ? "incomplete" : "completed", replies[0]);
    }

    public override void Error(IBufferWriter<byte> output, string message) =>
        Event(
            output,
            "error",
            json =>
            {
                json.WriteString("code", "server_error");
                json.WriteString("message", message);
                json.WriteNull("param");
            }
        );

    private void Open(IBufferWriter<byte> output, PieceKind kind, Reply reply)
    {
        if (_open == kind)
        {
            return;
        }

        Close(output, reply);
        _open = kind;
        _item++;
        Event(
            output,
            "response.output_item.added",
            json =>
            {
                json.WriteNumber("output_index", _item);
                json.WritePropertyName("item");
                WriteItem(json, kind, reply, isDone: false);
            }
        );
    }

    private void Close(IBufferWriter<byte> output, Reply reply)
    {
        if (_open is not { } kind)
        {
            return;
        }

        _open = null;
        if (kind == PieceKind.Content)
        {
            Event(
                output,
                "response.output_text.done",
                json =>
                {
                    json.WriteString("item_id", ItemId(kind));
                    json.WriteNumber("output_index", _item);
                    json.WriteNumber("content_index", 0);
                    json.WriteString("text", string.Concat(reply.Content));
                }
            );
        }

        Event(
            output,
            "response.output_item.done",
            json =>
            {
                json.WriteNumber("output_index", _item);
                json.WritePropertyName("item");
                WriteItem(json, kind, reply, isDone: true);
            }
        );
    }

    private void Delta(IBufferWriter<byte> output, string type, string? index, string text) =>
        Event(
            output,
            type,
            json =>
            {
                json.WriteString("item_id", ItemId(_open!.Value));
                json.WriteNumber("output_index", _item);
                if (index is not null)
                {
                    json.WriteNumber(index, 0);
                }

                json.WriteString("delta", text);
            }
        );

    private void Event(IBufferWriter<byte> output, string type, Action<Utf8JsonWriter> write)
    {
        Encoding.UTF8.GetBytes($"event: {type}\ndata: ".AsSpan(), output);
        using (Utf8JsonWriter json = new(output))
        {
            json.WriteStartObject();
            json.WriteString("type", type);
            json.WriteNumber("sequence_number", _number++);
            write(json);
            json.WriteEndObject();
        }

        output.Write("\n\n"u8);
    }

    private void WriteResponse(Utf8JsonWriter json, string? member, string status, Reply? reply)
    {
        if (member is not null)
        {
            json.WritePropertyName(member);
        }

        json.WriteStartObject();
        json.WriteString("id", _id);
        json.WriteString("object", "response");
        json.WriteNumber("created_at", _created);
        json.WriteString("model", model);
        json.WriteString("status", status);
        json.WriteStartArray("output");
        if (reply is not null)
        {
            WriteItems(json, reply);
        }

        json.WriteEndArray();
        if (status == "incomplete")
        {
            json.WriteStartObject("incomplete_details");
            json.WriteString("reason", "max_output_tokens");
            json.WriteEndObject();
        }

        if (reply is not null)
        {
            WriteUsage(json, reply);
        }

        json.WriteEndObject();
    }

    private void WriteItems(Utf8JsonWriter json, Reply reply)
    {
        if (reply.Reasoning.Count > 0)
        {
            WriteItem(json, PieceKind.Reasoning, reply, isDone: true);
        }

        if (reply.Content.Count > 0)
        {
            WriteItem(json, PieceKind.Content, reply, isDone: true);
        }

        if (reply.ToolCall is not null)
        {
            WriteItem(json, PieceKind.ToolCall, reply, isDone: true);
        }
    }

    private void WriteItem(Utf8JsonWriter json, PieceKind kind, Reply reply, bool isDone)
    {
        json.WriteStartObject();
        json.WriteString("id", ItemId(kind));
        json.WriteString("status", isDone ? "completed" : "in_progress");
        switch (kind)
        {
            case PieceKind.Reasoning:
                json.WriteString("type", "reasoning");
                WriteTexts(json, "summary", "summary_text", isDone ? string.Concat(reply.Reasoning) : null);
                break;
            case PieceKind.Content:
                json.WriteString("type", "message");
                json.WriteString("role", "assistant");
                WriteTexts(json, "content", "output_text", isDone ? string.Concat(reply.Content) : null);
                break;
            default:
                var (name, arguments, id) = reply.ToolCall!.Value;
                json.WriteString("type", "function_call");
                json.WriteString("call_id", id);
                json.WriteString("name", name);
                if (namespaces.TryGetValue(name, out var space))
                {
                    json.WriteString("namespace", space);
                }

                json.WriteString("arguments", isDone ? arguments : "");
                break;
        }

        json.WriteEndObject();
    }

    private static void WriteTexts(Utf8JsonWriter json, string member, string type, string? text)
    {
        json.WriteStartArray(member);
        if (text is not null)
        {
            json.WriteStartObject();
            json.WriteString("type", type);
            json.WriteString("text", text);
            json.WriteStartArray("annotations");
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteUsage(Utf8JsonWriter json, Reply reply)
    {
        json.WriteStartObject("usage");
        json.WriteNumber("input_tokens", reply.PromptTokens);
        json.WriteStartObject("input_tokens_details");
        json.WriteNumber("cached_tokens", 0);
        json.WriteEndObject();
        json.WriteNumber("output_tokens", reply.CompletionTokens);
        json.WriteStartObject("output_tokens_details");
        json.WriteNumber("reasoning_tokens", reply.Reasoning.Count);
        json.WriteEndObject();
        json.WriteNumber("total_tokens", reply.PromptTokens + reply.CompletionTokens);
        json.WriteEndObject();
    }

    private string ItemId(PieceKind kind) =>
        kind switch
        {
            PieceKind.Reasoning => "rs_",
            PieceKind.Content => "msg_",
            _ => "fc_",
        } + _id["resp_".Length..];
}
