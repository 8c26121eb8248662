using System.Text.Json;
using Pollard.Agent.Backends.OpenAi;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends.Ollama;

/// <summary>The counts and times of an Ollama answer's last line.</summary>
internal sealed class OllamaFigures
{
    private long? _total;
    private long? _load;
    private long? _promptTokens;
    private long? _prompt;
    private long? _tokens;
    private long? _eval;

    /// <summary>Takes one figure; false when it is none of ours.</summary>
    public bool Take(ReadOnlySpan<byte> name, ref Utf8JsonReader json)
    {
        if (!json.TryGetInt64(out var value))
        {
            return false;
        }

        switch (name)
        {
            case var _ when name.SequenceEqual("total_duration"u8):
                _total = value;
                return true;
            case var _ when name.SequenceEqual("load_duration"u8):
                _load = value;
                return true;
            case var _ when name.SequenceEqual("prompt_eval_count"u8):
                _promptTokens = value;
                return true;
            case var _ when name.SequenceEqual("prompt_eval_duration"u8):
                _prompt = value;
                return true;
            case var _ when name.SequenceEqual("eval_count"u8):
                _tokens = value;
                return true;
            case var _ when name.SequenceEqual("eval_duration"u8):
                _eval = value;
                return true;
            default:
                return false;
        }
    }

    /// <summary>The counts in OpenAI's shape; null when the server gave none.</summary>
    public JsonElement? Usage()
    {
        if (_promptTokens is null && _tokens is null)
        {
            return null;
        }

        var (prompt, completion) = (_promptTokens ?? 0, _tokens ?? 0); // A cached prompt is not counted by old servers.
        return ExtraMembers.Parse(
            OllamaRequest.Write(json =>
            {
                json.WriteNumber("prompt_tokens", prompt);
                json.WriteNumber("completion_tokens", completion);
                json.WriteNumber("total_tokens", prompt + completion);
            })
        );
    }

    /// <summary>The times; null when the server gave none.</summary>
    public Messages.BackendTimings? Timings() =>
        _total is null && _eval is null ? null : new(_total, _load, _prompt, _eval);
}
