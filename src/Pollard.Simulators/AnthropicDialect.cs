using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Pollard.Simulators;

/// <summary>Writes answers as Anthropic's API does: named server-sent events around blocks of content, or one message.</summary>
internal sealed class AnthropicDialect(string model, TimeProvider time) : ReplyDialect
{
    private readonly string _id = $"msg_simulator{time.GetTimestamp():x}";
    private PieceKind? _open;
    private int _block = -1;
    private bool _hasBegun;

    public override string StreamType => "text/event-stream";

    public override void Piece(IBufferWriter<byte> output, int choice, PieceKind kind, string text, Reply reply)
    {
        Open(output, kind, reply);
        switch (kind)
        {
            case PieceKind.Reasoning:
                Delta(output, "thinking_delta", "thinking", text);
                break;
            case PieceKind.Content:
                Delta(output, "text_delta", "text", text);
                break;
            default:
                foreach (var fragment in TextGenerator.Cut(reply.ToolCall!.Value.Arguments))
                {
                    Delta(output, "input_json_delta", "partial_json", fragment);
                }

                break;
        }
    }

    public override void End(IBufferWriter<byte> output, IReadOnlyList<Reply> replies)
    {
        Begin(output, replies[0]);
        Close(output);
        Event(
            output,
            "message_delta",
            json =>
            {
                json.WriteStartObject("delta");
                json.WriteString("stop_reason", StopReason(replies[0]));
                json.WriteNull("stop_sequence");
                json.WriteEndObject();
                json.WriteStartObject("usage");
                json.WriteNumber("output_tokens", replies[0].CompletionTokens);
                json.WriteEndObject();
            }
        );
        Event(output, "message_stop", static _ => { });
    }

    public override void Whole(IBufferWriter<byte> output, IReadOnlyList<Reply> replies)
    {
        var reply = replies[0];
        using Utf8JsonWriter json = new(output);
        json.WriteStartObject();
        WriteHead(json);
        json.WriteStartArray("content");
        if (reply.Reasoning.Count > 0)
        {
            WriteBlock(json, PieceKind.Reasoning, string.Concat(reply.Reasoning), reply);
        }

        if (reply.Content.Count > 0)
        {
            WriteBlock(json, PieceKind.Content, string.Concat(reply.Content), reply);
        }

        if (reply.ToolCall is { } call)
        {
            WriteBlock(json, PieceKind.ToolCall, call.Arguments, reply);
        }

        json.WriteEndArray();
        json.WriteString("stop_reason", StopReason(reply));
        json.WriteNull("stop_sequence");
        WriteUsage(json, reply.PromptTokens, reply.CompletionTokens);
        json.WriteEndObject();
    }

    public override void Error(IBufferWriter<byte> output, string message)
    {
        output.Write("event: error\ndata: "u8);
        WriteError(output, message, "api_error");
        output.Write("\n\n"u8);
    }

    public static void WriteError(IBufferWriter<byte> output, string message, string type)
    {
        using Utf8JsonWriter json = new(output);
        json.WriteStartObject();
        json.WriteString("type", "error");
        json.WriteStartObject("error");
        json.WriteString("type", type);
        json.WriteString("message", message);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static string StopReason(Reply reply) =>
        reply.FinishReason switch
        {
            "length" => "max_tokens",
            "tool_calls" => "tool_use",
            _ => "end_turn",
        };

    // The first piece opens the message: what it says of the prompt is known only with the answer.
    private void Begin(IBufferWriter<byte> output, Reply reply)
    {
        if (_hasBegun)
        {
            return;
        }

        _hasBegun = true;
        Event(
            output,
            "message_start",
            json =>
            {
                json.WriteStartObject("message");
                WriteHead(json);
                json.WriteStartArray("content");
                json.WriteEndArray();
                json.WriteNull("stop_reason");
                json.WriteNull("stop_sequence");
                WriteUsage(json, reply.PromptTokens, 1);
                json.WriteEndObject();
            }
        );
        Event(output, "ping", static _ => { });
    }

    private void Open(IBufferWriter<byte> output, PieceKind kind, Reply reply)
    {
        Begin(output, reply);
        if (_open == kind)
        {
            return;
        }

        Close(output);
        _open = kind;
        _block++;
        Event(
            output,
            "content_block_start",
            json =>
            {
                json.WriteNumber("index", _block);
                json.WritePropertyName("content_block");
                WriteBlock(json, kind, kind == PieceKind.ToolCall ? "{}" : "", reply);
            }
        );
    }

    private void Close(IBufferWriter<byte> output)
    {
        if (_open is not null)
        {
            Event(output, "content_block_stop", json => json.WriteNumber("index", _block));
            _open = null;
        }
    }

    private void Delta(IBufferWriter<byte> output, string type, string member, string text) =>
        Event(
            output,
            "content_block_delta",
            json =>
            {
                json.WriteNumber("index", _block);
                json.WriteStartObject("delta");
                json.WriteString("type", type);
                json.WriteString(member, text);
                json.WriteEndObject();
            }
        );

    private static void Event(IBufferWriter<byte> output, string type, Action<Utf8JsonWriter> write)
    {
        Encoding.UTF8.GetBytes($"event: {type}\ndata: ".AsSpan(), output);
        using (Utf8JsonWriter json = new(output))
        {
            json.WriteStartObject();
            json.WriteString("type", type);
            write(json);
            json.WriteEndObject();
        }

        output.Write("\n\n"u8);
    }

    private static void WriteBlock(Utf8JsonWriter json, PieceKind kind, string text, Reply reply)
    {
        json.WriteStartObject();
        switch (kind)
        {
            case PieceKind.Reasoning:
                json.WriteString("type", "thinking");
                json.WriteString("thinking", text);
                json.WriteString("signature", "simulator");
                break;
            case PieceKind.Content:
                json.WriteString("type", "text");
                json.WriteString("text", text);
                break;
            default:
                json.WriteString("type", "tool_use");
                json.WriteString("id", "toolu_" + reply.ToolCall!.Value.Id);
                json.WriteString("name", reply.ToolCall.Value.Name);
                json.WritePropertyName("input");
                json.WriteRawValue(text);
                break;
        }

        json.WriteEndObject();
    }

    private void WriteHead(Utf8JsonWriter json)
    {
        json.WriteString("id", _id);
        json.WriteString("type", "message");
        json.WriteString("role", "assistant");
        json.WriteString("model", model);
    }

    private static void WriteUsage(Utf8JsonWriter json, int prompt, int completion)
    {
        json.WriteStartObject("usage");
        json.WriteNumber("input_tokens", prompt);
        json.WriteNumber("output_tokens", completion);
        json.WriteEndObject();
    }
}
