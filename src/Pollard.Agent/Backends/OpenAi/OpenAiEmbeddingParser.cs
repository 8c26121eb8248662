using System.Text.Json;
using Pollard.Agent.Backends.Http;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends.OpenAi;

/// <summary>Carries an answer that is one JSON object through as it came, and reads its usage and model.</summary>
internal sealed class OpenAiEmbeddingParser(string address) : IAnswerParser
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
            var json = document.RootElement;
            if (!json.TryGetProperty("data", out var data) || data.ValueKind != JsonValueKind.Array)
            {
                var said = BackendFailure.MessageIn(body);
                throw new BackendException(BackendFailure.Error($"{address} sent no embeddings: {said}"));
            }

            _finish = new()
            {
                Usage = json.TryGetProperty("usage", out var usage) ? ExtraMembers.Parse(JsonText.Raw(usage)) : null,
                Model =
                    json.TryGetProperty("model", out var model) && model.ValueKind == JsonValueKind.String
                        ? model.GetString()
                        : null,
            };
            deltas.AddBody(body.Span);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new BackendException(BackendFailure.Garbled(address), e);
        }
    }

    /// <inheritdoc/>
    public Messages.Finish? Finish() => _finish;
}
