using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Backends.OpenAi;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends.Ollama;

/// <summary>Reads the lines of <c>/api/chat</c> and <c>/api/generate</c>.</summary>
internal sealed class OllamaParser(string address) : IAnswerParser
{
    private readonly ExtraMembers _extra = new();
    private readonly OllamaFigures _figures = new();
    private int _toolCalls;
    private string? _model;
    private string? _doneReason;

    /// <inheritdoc/>
    public bool Ended { get; private set; }

    /// <inheritdoc/>
    public void Line(ReadOnlySpan<byte> line, DeltaBatch deltas)
    {
        // hot: once a token
        if (line.Trim(" \t\r"u8).IsEmpty)
        {
            return;
        }

        try
        {
            Utf8JsonReader json = new(line);
            if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
            {
                throw new JsonException("it is no object");
            }

            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                Member(ref json, line, deltas);
            }

            if (json.Read())
            {
                throw new JsonException("something follows the object");
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new BackendException(BackendFailure.Garbled(address), e);
        }
    }

    /// <inheritdoc/>
    public void Whole(ReadOnlyMemory<byte> body, DeltaBatch deltas)
    {
        // Some proxies of Ollama call its lines application/json.
        var rest = body.Span;
        while (!rest.IsEmpty && !Ended)
        {
            var feed = rest.IndexOf((byte)'\n');
            Line(feed < 0 ? rest : rest[..feed], deltas);
            rest = feed < 0 ? default : rest[(feed + 1)..];
        }
    }

    /// <inheritdoc/>
    public Messages.Finish? Finish() =>
        Ended
            ? new()
            {
                FinishReasons = [_toolCalls > 0 ? "tool_calls" : Reason(_doneReason)],
                Usage = _figures.Usage(),
                Model = _model,
                Timings = _figures.Timings(),
                Extra = _extra.ToJson(),
            }
            : null;

    private static string Reason(string? doneReason) => doneReason == "length" ? "length" : "stop";

    private void Member(ref Utf8JsonReader json, ReadOnlySpan<byte> line, DeltaBatch deltas)
    {
        var name = json.ValueSpan;
        json.Read();
        if (name.SequenceEqual("message"u8) && json.TokenType == JsonTokenType.StartObject)
        {
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                MessageMember(ref json, line, deltas);
            }
        }
        else if (name.SequenceEqual("response"u8))
        {
            Text(ref json, DeltaKind.Content, deltas);
        }
        else if (name.SequenceEqual("thinking"u8))
        {
            Text(ref json, DeltaKind.Reasoning, deltas);
        }
        else if (name.SequenceEqual("logprobs"u8))
        {
            LogProbabilities(ref json, line, deltas);
        }
        else if (name.SequenceEqual("tool_calls"u8))
        {
            ToolCalls(ref json, line, deltas);
        }
        else if (name.SequenceEqual("error"u8))
        {
            var said = BackendFailure.MessageIn(Value(ref json, line).ToArray());
            throw new BackendException(BackendFailure.Error($"{address} said: {said}"));
        }
        else
        {
            Figure(name, ref json, line);
        }
    }

    private void Figure(ReadOnlySpan<byte> name, ref Utf8JsonReader json, ReadOnlySpan<byte> line)
    {
        if (name.SequenceEqual("done"u8))
        {
            Ended |= json.TokenType == JsonTokenType.True;
            json.Skip();
        }
        else if (name.SequenceEqual("done_reason"u8) && json.TokenType == JsonTokenType.String)
        {
            _doneReason = JsonText.Read(ref json);
        }
        else if (name.SequenceEqual("model"u8) && json.TokenType == JsonTokenType.String)
        {
            _model ??= JsonText.Read(ref json);
        }
        else if (json.TokenType == JsonTokenType.Number && _figures.Take(name, ref json)) { }
        else if (name.SequenceEqual("created_at"u8))
        {
            json.Skip();
        }
        else
        {
            _extra.Set(name, Value(ref json, line));
        }
    }

    private void MessageMember(ref Utf8JsonReader json, ReadOnlySpan<byte> line, DeltaBatch deltas)
    {
        var name = json.ValueSpan;
        json.Read();
        if (name.SequenceEqual("content"u8))
        {
            Text(ref json, DeltaKind.Content, deltas);
        }
        else if (name.SequenceEqual("thinking"u8))
        {
            Text(ref json, DeltaKind.Reasoning, deltas);
        }
        else if (name.SequenceEqual("tool_calls"u8))
        {
            ToolCalls(ref json, line, deltas);
        }
        else
        {
            json.Skip();
        }
    }

    private static void Text(ref Utf8JsonReader json, DeltaKind kind, DeltaBatch deltas)
    {
        if (json.TokenType == JsonTokenType.String)
        {
            deltas.AddText(kind, 0, ref json);
        }
        else
        {
            json.Skip();
        }
    }

    private static void LogProbabilities(ref Utf8JsonReader json, ReadOnlySpan<byte> line, DeltaBatch deltas)
    {
        var isArray = json.TokenType == JsonTokenType.StartArray;
        var tokens = Value(ref json, line);
        if (isArray && tokens.Length > "[]".Length)
        {
            // The items have OpenAI's shape already; only the object around them is missing.
            deltas.Add(DeltaKind.LogProbabilities, 0, (byte[])[.. "{\"content\":"u8, .. tokens, (byte)'}']);
        }
    }

    private void ToolCalls(ref Utf8JsonReader json, ReadOnlySpan<byte> line, DeltaBatch deltas)
    {
        if (json.TokenType != JsonTokenType.StartArray)
        {
            json.Skip();
            return;
        }

        using var calls = JsonDocument.Parse(Value(ref json, line).ToArray());
        foreach (var call in calls.RootElement.EnumerateArray())
        {
            var function = call.Member("function") ?? default;
            if (function.Text("name") is { } name)
            {
                deltas.Add(DeltaKind.ToolCall, 0, ToolCall(_toolCalls++, call.Text("id"), name, function));
            }
        }
    }

    private static ReadOnlySpan<byte> ToolCall(int index, string? id, string name, JsonElement function)
    {
        ArrayBufferWriter<byte> bytes = new();
        using (Utf8JsonWriter json = new(bytes))
        {
            var arguments = function.Member("arguments");
            json.WriteStartObject();
            json.WriteNumber("index", index);
            json.WriteString(
                "id",
                id is { Length: > 0 } ? id : $"call_{RandomNumberGenerator.GetHexString(24, lowercase: true)}"
            );
            json.WriteString("type", "function");
            json.WriteStartObject("function");
            json.WriteString("name", name);
            json.WriteString(
                "arguments",
                arguments switch
                {
                    null => "{}",
                    { ValueKind: JsonValueKind.String } text => text.GetString(),
                    { } value => Compact(value),
                }
            );
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return bytes.WrittenSpan;
    }

    private static string Compact(JsonElement value)
    {
        ArrayBufferWriter<byte> bytes = new();
        using (Utf8JsonWriter json = new(bytes, OllamaRequest.Plain))
        {
            value.WriteTo(json);
        }

        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    private static ReadOnlySpan<byte> Value(ref Utf8JsonReader json, ReadOnlySpan<byte> line)
    {
        var start = (int)json.TokenStartIndex;
        json.Skip();
        return line[start..(int)json.BytesConsumed];
    }
}
