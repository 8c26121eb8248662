using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Pollard.Agent.Backends;
using Pollard.Agent.Backends.Http;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Andy;

/// <summary>
/// The output of one attempt, gathered: these servers take an answer in one piece. Not for several threads at a time.
/// </summary>
internal sealed class AndyAnswer(WorkItem work)
{
    /// <summary>Bytes of output that are kept; an answer with more has failed.</summary>
    public const int MostBytes = 8 * 1024 * 1024;

    private const string Embedding = "embedding";

    private readonly ArrayBufferWriter<byte> _content = new();
    private readonly ArrayBufferWriter<byte> _reasoning = new();
    private readonly ArrayBufferWriter<byte> _body = new();
    private readonly SortedDictionary<long, Call> _calls = [];
    private JsonElement _list;
    private long _bytes;

    /// <summary>True once there was more output than can be kept.</summary>
    public bool IsTooLong => _bytes > MostBytes;

    /// <summary>Keeps a piece.</summary>
    public void Add(DeltaKind kind, ReadOnlySpan<byte> data)
    {
        _bytes += data.Length;
        if (IsTooLong)
        {
            return;
        }

        switch (kind)
        {
            case DeltaKind.Content or DeltaKind.Refusal:
                _content.Write(data);
                break;
            case DeltaKind.Reasoning:
                _reasoning.Write(data);
                break;
            case DeltaKind.Body:
                _body.Write(data);
                break;
            case DeltaKind.ToolCall:
                AddCall(JsonElement.Parse(data));
                break;
            default:
                break; // Progress and log-probabilities have no place in such an answer.
        }
    }

    /// <summary>What a model said, or OpenAI's list of embeddings; null when that list has none.</summary>
    public string? Text()
    {
        if (work.Offer.Kind != Embedding)
        {
            return TextOf(_content);
        }

        try
        {
            _list = JsonElement.Parse(_body.WrittenSpan);
            return _list.Items("data").FirstOrDefault().Member("embedding") is null ? null : TextOf(_body);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Writes the members of a result, after <see cref="Text"/> had one: those of Ollama's answer, with the counts in OpenAI's words besides.</summary>
    public void Write(Utf8JsonWriter json, Messages.Finish finish, DateTimeOffset now)
    {
        var model = finish.Model ?? work.Offer.Model;
        json.WriteString("model", model);
        if (work.Offer.Kind == Embedding)
        {
            WriteEmbedding(json);
            return;
        }

        json.WriteString(
            "created_at",
            now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture)
        );
        json.WriteStartObject("message");
        json.WriteString("role", "assistant");
        json.WriteString("content", _content.WrittenSpan);
        if (_reasoning.WrittenCount > 0)
        {
            json.WriteString("thinking", _reasoning.WrittenSpan);
        }

        WriteCalls(json);
        json.WriteEndObject();
        json.WriteBoolean("done", true);
        json.WriteString("done_reason", finish.FinishReasons is ["length", ..] ? "length" : "stop");
        WriteCounts(json, finish);
    }

    private void AddCall(JsonElement fragment)
    {
        var index = fragment.Integer("index") ?? 0;
        if (!_calls.TryGetValue(index, out var call))
        {
            _calls[index] = call = new Call();
        }

        var function = fragment.Member("function") ?? default;
        call.Name += function.Text("name");
        call.Arguments.Append(function.Text("arguments"));
        call.Id ??= fragment.Text("id");
    }

    private void WriteCalls(Utf8JsonWriter json)
    {
        if (_calls.Count == 0)
        {
            return;
        }

        json.WriteStartArray("tool_calls");
        foreach (var call in _calls.Values)
        {
            json.WriteStartObject();
            json.WriteString("id", call.Id);
            json.WriteStartObject("function");
            json.WriteString("name", call.Name);
            json.WritePropertyName("arguments");
            WriteArguments(json, call.Arguments.ToString());
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    // Ollama has an object here. What is none, because a model wrote it, stays the text that it is.
    private static void WriteArguments(Utf8JsonWriter json, string arguments)
    {
        try
        {
            JsonElement.Parse(arguments.Length == 0 ? "{}" : arguments).WriteTo(json);
        }
        catch (JsonException)
        {
            json.WriteStringValue(arguments);
        }
    }

    private void WriteEmbedding(Utf8JsonWriter json)
    {
        json.WritePropertyName("embedding");
        _list.Items("data").First().GetProperty("embedding").WriteTo(json);
        if (_list.Member("usage") is { } usage)
        {
            json.WritePropertyName("usage");
            usage.WriteTo(json);
        }
    }

    private static void WriteCounts(Utf8JsonWriter json, Messages.Finish finish)
    {
        if (finish.Timings is { } timings)
        {
            Number("total_duration", timings.Total);
            Number("load_duration", timings.Load);
            Number("prompt_eval_duration", timings.PromptEval);
            Number("eval_duration", timings.Eval);
        }

        if (finish.Usage is not { ValueKind: JsonValueKind.Object } usage)
        {
            return;
        }

        Number("prompt_eval_count", usage.Integer("prompt_tokens"));
        Number("eval_count", usage.Integer("completion_tokens"));
        json.WritePropertyName("usage");
        usage.WriteTo(json);

        void Number(string name, long? value)
        {
            if (value is { } number)
            {
                json.WriteNumber(name, number);
            }
        }
    }

    private static string TextOf(ArrayBufferWriter<byte> pieces) => Encoding.UTF8.GetString(pieces.WrittenSpan);

    private sealed class Call
    {
        public string? Id { get; set; }

        public string Name { get; set; } = "";

        public StringBuilder Arguments { get; } = new();
    }
}
