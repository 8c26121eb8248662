using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Pollard.Agent.Backends.Tools;

/// <summary>The owner's file of tools: an object of names, each with the tool's address and what clients may do there.</summary>
internal sealed record ToolsFileEntry
{
    public required Uri Url { get; init; }

    public IReadOnlyList<string>? Methods { get; init; }

    public IReadOnlyList<string>? Paths { get; init; }

    public IReadOnlyDictionary<string, string>? Headers { get; init; }

    public IReadOnlyList<string>? PassHeaders { get; init; }

    public IReadOnlyList<string>? Networks { get; init; }

    public string? Ca { get; init; }

    public Uri? Proxy { get; init; }

    public double? AnswerWithin { get; init; }

    public double? Stall { get; init; }

    public long? LongestAnswerBytes { get; init; }

    /// <exception cref="FormatException">A value is none that can be; says which.</exception>
    public HttpToolOptions Over(HttpToolOptions usual, string name) =>
        usual with
        {
            Name = name,
            Url = Url,
            Methods = Methods?.Select(static method => method.ToUpperInvariant()).ToList() ?? usual.Methods,
            Paths = Paths ?? usual.Paths,
            Headers = Headers ?? usual.Headers,
            PassHeaders = PassHeaders,
            Networks = Networks?.Select(NetworkOf).ToList() ?? usual.Networks,
            CertificateAuthority = Ca ?? usual.CertificateAuthority,
            Proxy = Proxy ?? usual.Proxy,
            AnswerWithin = AnswerWithin is { } seconds ? SpanOf(seconds, "answer_within") : usual.AnswerWithin,
            Stall = Stall is { } silent ? SpanOf(silent, "stall") : usual.Stall,
            LongestAnswerBytes = LongestAnswerBytes is null or > 0
                ? LongestAnswerBytes ?? usual.LongestAnswerBytes
                : throw new FormatException("\"longest_answer_bytes\" must be 1 or more"),
        };

    private static IPNetwork NetworkOf(string text) =>
        IPNetwork.TryParse(text, out var network)
            ? network
            : throw new FormatException($"\"{text}\" is no network such as 10.0.0.0/8");

    private static TimeSpan SpanOf(double seconds, string member) =>
        seconds is > 0 and <= 7 * 24 * 3600
            ? TimeSpan.FromSeconds(seconds)
            : throw new FormatException($"\"{member}\" must be seconds, more than 0 and at most a week");
}

/// <summary>Reads the file of tools.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    ReadCommentHandling = JsonCommentHandling.Skip,
    AllowTrailingCommas = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow
)]
[JsonSerializable(typeof(Dictionary<string, ToolsFileEntry>))]
internal sealed partial class ToolsFileJson : JsonSerializerContext;
