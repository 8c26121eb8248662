using System.Text.Json.Serialization;

namespace Pollard.Voice.Legs.Sip;

/// <summary>A user whose calls come here, as a registrar was told.</summary>
/// <param name="User">The user.</param>
/// <param name="Registrar">Where the registrar is.</param>
internal sealed record SipAccount(string User, string Registrar)
{
    /// <summary>Since when it is registered without a gap; null: it is not.</summary>
    public DateTimeOffset? RegisteredSince { get; init; }

    /// <summary>When the registrar last said yes; null: never.</summary>
    public DateTimeOffset? LastRegistered { get; init; }

    /// <summary>For how long it did.</summary>
    [JsonIgnore]
    public TimeSpan For { get; init; }

    /// <summary>When it is told again; null: it was not yet.</summary>
    public DateTimeOffset? NextTry { get; init; }

    /// <summary>Why it was not told last; null: it always was.</summary>
    public string? LastFailure { get; init; }

    /// <summary>When that was.</summary>
    public DateTimeOffset? FailedAt { get; init; }
}
