using System.Runtime.InteropServices;
using System.Text.Json;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Backends.OpenAi;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends.Ollama;

/// <summary>Turns the answer of <c>/api/embed</c> into OpenAI's list of embeddings.</summary>
internal sealed class OllamaEmbeddingParser(string address, string model, bool base64) : IAnswerParser
{
    private Messages.Finish? _finish;

    /// <inheritdoc/>
    public bool Ended => _finish is not null;

    /// <inheritdoc/>
    public void Line(ReadOnlySpan<byte> line, DeltaBatch deltas)
    {
        if (!line.IsEmpty)
        {
            throw new BackendException(BackendFailure.Garbled(address));
        }
    }

    /// <inheritdoc/>
    public void Whole(ReadOnlyMemory<byte> body, DeltaBatch deltas)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            var answer = document.RootElement;
            if (answer.Member("embeddings") is not { ValueKind: JsonValueKind.Array } vectors)
            {
                var said = BackendFailure.MessageIn(body);
                throw new BackendException(BackendFailure.Error($"{address} sent no embeddings: {said}"));
            }

            var tokens = answer.Integer("prompt_eval_count") ?? 0;
            var usage = OllamaRequest.Write(json => WriteCounts(json, tokens));
            deltas.AddBody(OllamaRequest.Write(json => WriteList(json, vectors, usage.Span)).Span);
            _finish = new()
            {
                Usage = ExtraMembers.Parse(usage),
                Model = answer.Text("model"),
                Timings = new(answer.Integer("total_duration"), answer.Integer("load_duration"), null, null),
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new BackendException(BackendFailure.Garbled(address), e);
        }
    }

    /// <inheritdoc/>
    public Messages.Finish? Finish() => _finish;

    private static void WriteCounts(Utf8JsonWriter json, long tokens)
    {
        json.WriteNumber("prompt_tokens", tokens);
        json.WriteNumber("total_tokens", tokens);
    }

    private void WriteList(Utf8JsonWriter json, JsonElement vectors, ReadOnlySpan<byte> usage)
    {
        json.WriteString("object", "list");
        json.WriteStartArray("data");
        var index = 0;
        foreach (var vector in vectors.EnumerateArray())
        {
            json.WriteStartObject();
            json.WriteString("object", "embedding");
            json.WriteNumber("index", index++);
            json.WritePropertyName("embedding");
            WriteVector(json, vector);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteString("model", model);
        json.WritePropertyName("usage");
        json.WriteRawValue(usage);
    }

    private void WriteVector(Utf8JsonWriter json, JsonElement vector)
    {
        if (!base64)
        {
            vector.WriteTo(json);
            return;
        }

        var numbers = new float[vector.GetArrayLength()];
        var at = 0;
        foreach (var number in vector.EnumerateArray())
        {
            numbers[at++] = number.GetSingle();
        }

        json.WriteBase64StringValue(MemoryMarshal.AsBytes<float>(numbers)); // Little-endian, as all our platforms are.
    }
}
