using System.Buffers;
using System.Text.Json;
using Pollard.Agent.Backends.Http;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends.OpenAi;

/// <summary>Reads the answers of OpenAI-compatible servers: server-sent events with chunks, or one object of the same members.</summary>
internal sealed class OpenAiParser(string address, int choices) : IAnswerParser
{
    /// <summary>The most answers that one request may have.</summary>
    public const int MostChoices = 128;

    private readonly ArrayBufferWriter<byte> _event = new(1024);
    private readonly List<string?> _reasons = [];
    private readonly ExtraMembers _extra = new();
    private readonly OpenAiDelta _delta = new();
    private byte[]? _usage;
    private string? _model;
    private bool _anyChunk;
    private bool _anyData;

    /// <inheritdoc/>
    public bool Ended { get; private set; }

    /// <inheritdoc/>
    public void Line(ReadOnlySpan<byte> line, DeltaBatch deltas)
    {
        if (line.StartsWith("data:"u8))
        {
            var data = line["data:"u8.Length..];
            data = data.StartsWith(" "u8) ? data[1..] : data;
            if (_anyData)
            {
                _event.Write("\n"u8); // The standard joins several data lines of an event so.
            }

            _event.Write(data);
            _anyData = true;
            Ended = _event.WrittenSpan.SequenceEqual("[DONE]"u8); // The empty line after it may never come.
        }
        else if (line.IsEmpty && _anyData)
        {
            var data = _event.WrittenSpan;
            if (!data.IsEmpty)
            {
                Chunk(data, deltas);
            }

            _event.ResetWrittenCount();
            _anyData = false;
        }
    }

    /// <inheritdoc/>
    public void Whole(ReadOnlyMemory<byte> body, DeltaBatch deltas)
    {
        Chunk(body.Span, deltas);
        Ended = true;
    }

    /// <inheritdoc/>
    public Messages.Finish? Finish()
    {
        var expected = Math.Max(choices, _reasons.Count);
        var allEnded = _reasons.Count == expected && _reasons.TrueForAll(reason => reason is not null);
        if (!_anyChunk || !(Ended || allEnded))
        {
            return null;
        }

        while (_reasons.Count < expected)
        {
            _reasons.Add(null);
        }

        return new()
        {
            FinishReasons = [.. _reasons.Select(reason => reason ?? "stop")],
            Usage = _usage is null ? null : ExtraMembers.Parse(_usage),
            Model = _model,
            Extra = _extra.ToJson(),
        };
    }

    private void Chunk(ReadOnlySpan<byte> data, DeltaBatch deltas)
    {
        // hot: once a token
        try
        {
            Utf8JsonReader json = new(data);
            if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
            {
                throw new JsonException("it is no object");
            }

            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                Member(ref json, data, deltas);
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

    private void Member(ref Utf8JsonReader json, ReadOnlySpan<byte> data, DeltaBatch deltas)
    {
        if (Is(ref json, "choices"u8))
        {
            Choices(ref json, data, deltas);
        }
        else if (Is(ref json, "model"u8))
        {
            json.Read();
            if (_model is null && json.TokenType == JsonTokenType.String)
            {
                _model = JsonText.Read(ref json);
            }

            json.Skip();
        }
        else if (Is(ref json, "usage"u8))
        {
            var usage = Value(ref json, data);
            _usage = usage.StartsWith("{"u8) ? usage.ToArray() : _usage;
        }
        else if (Is(ref json, "error"u8))
        {
            var error = Value(ref json, data);
            if (!error.SequenceEqual("null"u8))
            {
                var said = BackendFailure.MessageIn(error.ToArray());
                throw new BackendException(BackendFailure.Error($"{address} said: {said}"));
            }
        }
        else if (Is(ref json, "id"u8) || Is(ref json, "object"u8) || Is(ref json, "created"u8))
        {
            json.Skip();
        }
        else
        {
            var name = json.ValueSpan;
            _extra.Set(name, Value(ref json, data));
        }
    }

    private void Choices(ref Utf8JsonReader json, ReadOnlySpan<byte> data, DeltaBatch deltas)
    {
        json.Read();
        if (json.TokenType != JsonTokenType.StartArray)
        {
            json.Skip();
            return;
        }

        while (json.Read() && json.TokenType == JsonTokenType.StartObject)
        {
            _anyChunk = true;
            Choice(ref json, data, deltas);
        }

        if (json.TokenType != JsonTokenType.EndArray)
        {
            throw new JsonException("a choice is no object");
        }
    }

    private void Choice(ref Utf8JsonReader json, ReadOnlySpan<byte> data, DeltaBatch deltas)
    {
        var choice = IndexOf(json);
        while (_reasons.Count <= choice)
        {
            _reasons.Add(null);
        }

        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (Is(ref json, "delta"u8) || Is(ref json, "message"u8))
            {
                _delta.Read(ref json, data, choice, deltas);
            }
            else if (Is(ref json, "text"u8))
            {
                OpenAiDelta.Text(ref json, DeltaKind.Content, choice, deltas);
            }
            else if (Is(ref json, "finish_reason"u8))
            {
                json.Read();
                _reasons[choice] = json.TokenType == JsonTokenType.String ? JsonText.Read(ref json) : _reasons[choice];
                json.Skip();
            }
            else if (Is(ref json, "logprobs"u8))
            {
                var logprobs = Value(ref json, data);
                if (logprobs.StartsWith("{"u8))
                {
                    deltas.Add(DeltaKind.LogProbabilities, choice, logprobs);
                }
            }
            else
            {
                json.Skip();
            }
        }
    }

    private static ushort IndexOf(Utf8JsonReader json)
    {
        // The reader is a copy: members come in any order, and the index is needed first.
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (!Is(ref json, "index"u8))
            {
                json.Skip();
                continue;
            }

            json.Read();
            if (json.TokenType == JsonTokenType.Number && json.TryGetUInt16(out var index) && index < MostChoices)
            {
                return index;
            }

            throw new JsonException("the index of a choice is out of range");
        }

        return 0;
    }

    private static bool Is(ref Utf8JsonReader json, ReadOnlySpan<byte> name) => json.ValueTextEquals(name);

    private static ReadOnlySpan<byte> Value(ref Utf8JsonReader json, ReadOnlySpan<byte> data)
    {
        json.Read();
        var start = (int)json.TokenStartIndex;
        json.Skip();
        return data[start..(int)json.BytesConsumed];
    }
}
