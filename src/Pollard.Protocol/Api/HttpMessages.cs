using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Pollard.Protocol.Api;

/// <summary>The request of a task of the kind <c>http</c>: a call of a tool inside a network. The task's model is the tool's name.</summary>
public sealed record HttpCall
{
    /// <summary>The kind of such tasks.</summary>
    public const string Kind = "http";

    /// <summary>The method, in capitals; absent: <c>GET</c>.</summary>
    public string? Method { get; init; }

    /// <summary>Path and query below the tool's address, beginning with <c>/</c>; absent: <c>/</c>; empty: that address as it is. Not both of this and <see cref="Url"/>.</summary>
    public string? Path { get; init; }

    /// <summary>The whole address. A host that has a list of tools takes it only where it is below the tool's address.</summary>
    public string? Url { get; init; }

    /// <summary>The header, each name with one value or a list of them.</summary>
    [JsonConverter(typeof(HttpFieldsConverter))]
    public IReadOnlyList<HttpField>? Headers { get; init; }

    /// <summary>The body, where it is text; sent as UTF-8. Not both of this and <see cref="BodyBase64"/>.</summary>
    public string? Body { get; init; }

    /// <summary>The body's bytes.</summary>
    public byte[]? BodyBase64 { get; init; }

    /// <summary>True when the tool may be called twice with the same effect as once (RFC 9110, 9.2.2). Of other calls one try is made.</summary>
    [JsonIgnore]
    public bool IsRepeatable =>
        (Method ?? "GET").ToUpperInvariant() is "GET" or "HEAD" or "OPTIONS" or "PUT" or "DELETE";
}

/// <summary>How a tool's answer begins: what an attempt of the kind <c>http</c> writes first; the body follows piece by piece.</summary>
public sealed record HttpHead
{
    /// <summary>The status, 200 to 599.</summary>
    public required int Status { get; init; }

    /// <summary>The header without what is about the connection alone.</summary>
    [JsonConverter(typeof(HttpFieldsConverter))]
    public IReadOnlyList<HttpField>? Headers { get; init; }
}

/// <summary>One line of a header.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Value">Its value.</param>
public sealed record HttpField(string Name, string Value);

/// <summary>Header lines as a JSON object: each name with its value, or with a list where there are several.</summary>
internal sealed class HttpFieldsConverter : JsonConverter<IReadOnlyList<HttpField>>
{
    public override IReadOnlyList<HttpField> Read(
        ref Utf8JsonReader reader,
        Type typeToConvert,
        JsonSerializerOptions options
    )
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException("a header is an object of names and values");
        }

        var fields = new List<HttpField>();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartArray)
            {
                fields.Add(new HttpField(name, Text(reader)));
                continue;
            }

            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                fields.Add(new HttpField(name, Text(reader)));
            }
        }

        return fields;
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<HttpField> value, JsonSerializerOptions options) =>
        HttpFields.Write(writer, value);

    private static string Text(in Utf8JsonReader reader) =>
        reader.TokenType == JsonTokenType.String
            ? reader.GetString()!
            : throw new JsonException("a value of a header is a string");
}

/// <summary>What a header line may be, and how lines are written.</summary>
internal static class HttpFields
{
    private static readonly SearchValues<char> NameCharacters = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    );

    // RFC 9110, 7.6.1, and what is between a client and its proxy.
    private static readonly HashSet<string> OfConnection = new(StringComparer.OrdinalIgnoreCase)
    {
        "Connection",
        "HTTP2-Settings",
        "Keep-Alive",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
    };

    /// <summary>True for a name of a header line.</summary>
    public static bool IsName(string text) => text.Length > 0 && !text.AsSpan().ContainsAnyExcept(NameCharacters);

    /// <summary>True for a value of a header line that every server reads in the same way.</summary>
    public static bool IsValue(string text) => !text.Any(static c => (c < ' ' && c != '\t') || c >= '\x7f');

    /// <summary>True for a line that is about the connection, which nobody passes on.</summary>
    public static bool IsOfConnection(string name) => OfConnection.Contains(name);

    /// <summary>As a JSON object: each name with its value, or with a list where there are several.</summary>
    public static void Write(Utf8JsonWriter writer, IReadOnlyList<HttpField> fields)
    {
        writer.WriteStartObject();
        foreach (var lines in fields.GroupBy(static field => field.Name, StringComparer.OrdinalIgnoreCase))
        {
            writer.WritePropertyName(lines.Key);
            var values = lines.Select(static line => line.Value).ToList();
            if (values.Count == 1)
            {
                writer.WriteStringValue(values[0]);
                continue;
            }

            writer.WriteStartArray();
            values.ForEach(writer.WriteStringValue);
            writer.WriteEndArray();
        }

        writer.WriteEndObject();
    }
}
