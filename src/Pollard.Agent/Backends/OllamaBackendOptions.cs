using Pollard.Agent.Backends.Http;

namespace Pollard.Agent.Backends;

/// <summary>Which Ollama to use, and how.</summary>
public sealed record OllamaBackendOptions : HttpBackendOptions
{
    /// <summary>Where Ollama listens when nobody says otherwise.</summary>
    public static Uri DefaultUrl { get; } = new("http://127.0.0.1:11434");
}
