using Pollard.Tasks;

namespace Pollard.Gateway.Requests;

/// <summary>What we act on in an OpenAI-shaped request. Everything else is carried as it came.</summary>
internal struct RequestFacts
{
    /// <summary>The model; null when the request names none.</summary>
    public string? Model { get; set; }

    /// <summary>True when the client reads along.</summary>
    public bool Stream { get; set; }

    /// <summary>True when the stream is to end with usage.</summary>
    public bool IncludeUsage { get; set; }

    /// <summary>True when the answer is to be kept.</summary>
    public bool Store { get; set; }

    /// <summary>What <c>polling_mode</c> says; null where it is not there, and the request is OpenAI's own.</summary>
    public bool? PollingMode { get; set; }

    /// <summary>True when the model may call tools of the client.</summary>
    public bool Tools { get; set; }

    /// <summary>Beginnings of the prompt.</summary>
    public PromptPrefixes Prefixes { get; set; }

    /// <summary>How many answers are wanted.</summary>
    public int Choices { get; set; }

    /// <summary>How another host may go on with the answer of a chat that was cut.</summary>
    public Continuations Continuations { get; set; }

    /// <summary>For that: ways that some member rules out.</summary>
    public Continuations Ruled { get; set; }

    /// <summary>For that: the same request has the same answer.</summary>
    public bool Repeats { get; set; }

    /// <summary>True when vectors are wanted as base64.</summary>
    public bool Base64 { get; set; }
}

/// <summary>Which members a request must have.</summary>
internal enum RequestShape
{
    /// <summary><c>messages</c>.</summary>
    Chat,

    /// <summary><c>prompt</c>.</summary>
    Completion,

    /// <summary><c>input</c>.</summary>
    Embedding,
}
