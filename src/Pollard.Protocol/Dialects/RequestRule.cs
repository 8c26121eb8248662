using System.Text.Json;

namespace Pollard.Protocol.Dialects;

/// <summary>What becomes of a member of a request when the backend speaks the other dialect.</summary>
public enum MemberFate
{
    /// <summary>It means the same there under the same name.</summary>
    Same,

    /// <summary>It has another name, place or form there: <see cref="RequestRule.Other"/>.</summary>
    Translated,

    /// <summary>It may be left out: it asks for nothing that the answer would show, or for what is done in any case.</summary>
    Ignored,

    /// <summary>The other dialect has no word for it: the request is refused, and the refusal names it.</summary>
    Refused,
}

/// <summary>What becomes of one member of a request.</summary>
/// <param name="Name">The member; <c>options.x</c> stands within <c>options</c>.</param>
/// <param name="Fate">What becomes of it.</param>
/// <param name="Other">Where it stands in the other dialect, when it is translated.</param>
public sealed record RequestRule(string Name, MemberFate Fate, string? Other = null)
{
    /// <summary>The values that the fate is about. Absent: all, or none of a refused member; any other value is refused.</summary>
    public Func<JsonElement, bool>? Can { get; init; }

    /// <summary>Whether a request may have this value.</summary>
    public bool Allows(JsonElement value) =>
        value.ValueKind == JsonValueKind.Null || (Can is null ? Fate != MemberFate.Refused : Can(value));
}
