using System.Text.Json;
using Pollard.Agent.Backends.Ollama;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Andy;

/// <summary>What is brought back to a server.</summary>
internal sealed class AndyOutcome
{
    private const string Garbled = "the model's server sent an answer that cannot be read";
    private Action<Utf8JsonWriter, DateTimeOffset>? _members;

    /// <summary>Why there is no result; null when there is one.</summary>
    public string? Error { get; private init; }

    /// <summary>The result as text: what a model said, or a list of embeddings in JSON. Empty for an error.</summary>
    public string Text { get; private init; } = "";

    /// <summary>An error.</summary>
    public static AndyOutcome Of(string error) => new() { Error = error };

    /// <summary>An answer and its end.</summary>
    public static AndyOutcome Of(AndyAnswer answer, Messages.Finish finish) =>
        answer.Text() is { } text
            ? new AndyOutcome { _members = (json, now) => answer.Write(json, finish, now), Text = text }
            : Of(Garbled);

    /// <summary>The models that there are.</summary>
    public static AndyOutcome Listing(IReadOnlyList<ModelInfo> models, int slots) =>
        new() { _members = (json, _) => AndyProfile.WriteTags(json, models, slots) };

    /// <summary>As servers take it that are asked for work: the work's id with its result or error.</summary>
    public ReadOnlyMemory<byte> Submission(string workId, DateTimeOffset now) =>
        OllamaRequest.Write(json =>
        {
            json.WriteString("work_id", workId);
            if (_members is null)
            {
                json.WriteString("error", Error);
                return;
            }

            json.WriteStartObject("result");
            _members(json, now);
            json.WriteEndObject();
        });
}
