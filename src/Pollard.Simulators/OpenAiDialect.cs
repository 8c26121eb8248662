using System.Buffers;
using System.Text.Json;

namespace Pollard.Simulators;

/// <summary>Writes answers as the OpenAI API does: server-sent events that end with <c>[DONE]</c>, or one object.</summary>
internal sealed class OpenAiDialect(string model, bool chat, bool includeUsage, TimeProvider time) : ReplyDialect
{
    private const string Fingerprint = "fp_simulator";

    private readonly string _id = $"{(chat ? "chatcmpl" : "cmpl")}-simulator{time.GetTimestamp():x}";
    private readonly long _created = time.GetUtcNow().ToUnixTimeSeconds();

    public override string StreamType => "text/event-stream";

    public override void Begin(IBufferWriter<byte> output, int choice)
    {
        if (chat)
        {
            Chunk(
                output,
                choice,
                null,
                json =>
                {
                    json.WriteString("role", "assistant");
                    json.WriteString("content", "");
                }
            );
        }
    }

    public override void Piece(IBufferWriter<byte> output, int choice, PieceKind kind, string text, Reply reply)
    {
        switch (kind)
        {
            case PieceKind.Reasoning:
                Chunk(output, choice, null, json => json.WriteString("reasoning_content", text));
                break;
            case PieceKind.Content:
                Chunk(output, choice, null, json => json.WriteString(chat ? "content" : "text", text));
                break;
            default:
                var (name, arguments, id) = reply.ToolCall!.Value;
                Chunk(output, choice, null, json => WriteToolCall(json, 0, id, name, ""));
                foreach (var fragment in TextGenerator.Cut(arguments))
                {
                    Chunk(output, choice, null, json => WriteToolCall(json, 0, null, null, fragment));
                }

                break;
        }
    }

    public override void End(IBufferWriter<byte> output, IReadOnlyList<Reply> replies)
    {
        for (var choice = 0; choice < replies.Count; choice++)
        {
            Chunk(output, choice, replies[choice].FinishReason, _ => { });
        }

        if (includeUsage)
        {
            Event(
                output,
                json =>
                {
                    json.WriteStartArray("choices");
                    json.WriteEndArray();
                    WriteUsage(json, replies);
                }
            );
        }

        output.Write("data: [DONE]\n\n"u8);
    }

    public override void Whole(IBufferWriter<byte> output, IReadOnlyList<Reply> replies)
    {
        using Utf8JsonWriter json = new(output);
        json.WriteStartObject();
        WriteHead(json, chat ? "chat.completion" : "text_completion");
        json.WriteStartArray("choices");
        for (var choice = 0; choice < replies.Count; choice++)
        {
            var reply = replies[choice];
            json.WriteStartObject();
            json.WriteNumber("index", choice);
            WriteWhole(json, reply);
            json.WriteNull("logprobs");
            json.WriteString("finish_reason", reply.FinishReason);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        WriteUsage(json, replies);
        json.WriteEndObject();
    }

    public override void Error(IBufferWriter<byte> output, string message)
    {
        output.Write("data: "u8);
        WriteError(output, message, "server_error", null);
        output.Write("\n\n"u8);
    }

    public static void WriteError(IBufferWriter<byte> output, string message, string type, string? code)
    {
        using Utf8JsonWriter json = new(output);
        json.WriteStartObject();
        json.WriteStartObject("error");
        json.WriteString("message", message);
        json.WriteString("type", type);
        json.WriteNull("param");
        json.WriteString("code", code);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private void WriteWhole(Utf8JsonWriter json, Reply reply)
    {
        if (!chat)
        {
            json.WriteString("text", string.Concat(reply.Content));
            return;
        }

        json.WriteStartObject("message");
        json.WriteString("role", "assistant");
        json.WriteString("content", reply.ToolCall is null ? string.Concat(reply.Content) : null);
        if (reply.Reasoning.Count > 0)
        {
            json.WriteString("reasoning_content", string.Concat(reply.Reasoning));
        }

        if (reply.ToolCall is { } call)
        {
            WriteToolCall(json, null, call.Id, call.Name, call.Arguments);
        }

        json.WriteEndObject();
    }

    private static void WriteToolCall(Utf8JsonWriter json, int? index, string? id, string? name, string arguments)
    {
        json.WriteStartArray("tool_calls");
        json.WriteStartObject();
        if (index is { } at)
        {
            json.WriteNumber("index", at);
        }

        if (id is not null)
        {
            json.WriteString("id", id);
            json.WriteString("type", "function");
        }

        json.WriteStartObject("function");
        if (name is not null)
        {
            json.WriteString("name", name);
        }

        json.WriteString("arguments", arguments);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private void Chunk(IBufferWriter<byte> output, int choice, string? finishReason, Action<Utf8JsonWriter> delta) =>
        Event(
            output,
            json =>
            {
                json.WriteStartArray("choices");
                json.WriteStartObject();
                json.WriteNumber("index", choice);
                if (chat)
                {
                    json.WriteStartObject("delta");
                    delta(json);
                    json.WriteEndObject();
                }
                else if (finishReason is null)
                {
                    delta(json);
                }
                else
                {
                    json.WriteString("text", "");
                }

                json.WriteNull("logprobs");
                json.WriteString("finish_reason", finishReason);
                json.WriteEndObject();
                json.WriteEndArray();
                if (includeUsage)
                {
                    json.WriteNull("usage");
                }
            }
        );

    private void Event(IBufferWriter<byte> output, Action<Utf8JsonWriter> write)
    {
        output.Write("data: "u8);
        using (Utf8JsonWriter json = new(output))
        {
            json.WriteStartObject();
            WriteHead(json, chat ? "chat.completion.chunk" : "text_completion");
            write(json);
            json.WriteEndObject();
        }

        output.Write("\n\n"u8);
    }

    private void WriteHead(Utf8JsonWriter json, string kind)
    {
        json.WriteString("id", _id);
        json.WriteString("object", kind);
        json.WriteNumber("created", _created);
        json.WriteString("model", model);
        json.WriteString("system_fingerprint", Fingerprint);
    }

    private static void WriteUsage(Utf8JsonWriter json, IReadOnlyList<Reply> replies)
    {
        var completion = replies.Sum(reply => reply.CompletionTokens);
        json.WriteStartObject("usage");
        json.WriteNumber("prompt_tokens", replies[0].PromptTokens);
        json.WriteNumber("completion_tokens", completion);
        json.WriteNumber("total_tokens", replies[0].PromptTokens + completion);
        json.WriteEndObject();
    }
}
