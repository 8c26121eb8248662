using System.Text.Json.Serialization;
using Pollard.Agent.Owner;
using Pollard.Client;
using Pollard.Commands;
using Pollard.Voice.Stages;

namespace Pollard.Output;

/// <summary>What <c>--json</c> prints that does not cross our wires.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(IReadOnlyList<ServedModel>))]
[JsonSerializable(typeof(IReadOnlyList<CheckResult>))]
[JsonSerializable(typeof(StartedServer))]
[JsonSerializable(typeof(Changed))]
[JsonSerializable(typeof(CopiedStore))]
[JsonSerializable(typeof(AgentStatus))]
[JsonSerializable(typeof(TestCallResult))]
[JsonSerializable(typeof(IReadOnlyList<VoiceStatus>))]
internal sealed partial class OutputJson : JsonSerializerContext;

/// <summary>One line of <c>pollard doctor</c>.</summary>
/// <param name="Name">What was checked.</param>
/// <param name="State"><c>ok</c>, <c>warn</c> or <c>fail</c>.</param>
/// <param name="Found">What was found.</param>
/// <param name="Advice">What to do; absent when all is well.</param>
internal sealed record CheckResult(string Name, string State, string Found, string? Advice)
{
    public static CheckResult Ok(string name, string found) => new(name, "ok", found, null);

    public static CheckResult Warn(string name, string found, string advice) => new(name, "warn", found, advice);

    public static CheckResult Fail(string name, string found, string advice) => new(name, "fail", found, advice);
}

/// <summary>What a server says with <c>--json</c> as soon as it can be called.</summary>
/// <param name="Url">Where it answers.</param>
/// <param name="LinkUrl">Where hosts link over clear-text HTTP/2.</param>
/// <param name="AdminKey">The first admin key, when this start made it.</param>
internal sealed record StartedServer(string Url, string? LinkUrl = null, string? AdminKey = null);

/// <summary>What a command has changed.</summary>
/// <param name="Id">The host, key or token.</param>
/// <param name="Change"><c>drained</c>, <c>resumed</c>, <c>released</c> or <c>revoked</c>.</param>
internal sealed record Changed(string Id, string Change);

/// <summary>A copy of the store that was made or restored.</summary>
/// <param name="Path">The backup.</param>
/// <param name="Tasks">Tasks in it.</param>
/// <param name="Bytes">Its size, in bytes.</param>
/// <param name="Damaged">What of it cannot be read whole, and could not be where it was copied from.</param>
/// <param name="Kept">Where the store lies that was there before; absent when there was none.</param>
internal sealed record CopiedStore(string Path, long Tasks, long Bytes, IReadOnlyList<string> Damaged, string? Kept);
