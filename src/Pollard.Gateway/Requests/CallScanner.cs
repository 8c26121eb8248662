using System.Text.Json;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Protocol.Api;

namespace Pollard.Gateway.Requests;

/// <summary>Reads the request of a task that calls a tool.</summary>
internal static class CallScanner
{
    private const int MostMethodCharacters = 32;

    /// <summary>The call. Whether the tool's owner allows it is the host's to say.</summary>
    /// <exception cref="RejectedException">It is none; says what is wrong.</exception>
    public static HttpCall Read(ReadOnlySpan<byte> request)
    {
        HttpCall? call;
        try
        {
            call = JsonSerializer.Deserialize(request, ProtocolJson.Default.HttpCall);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw Bad("must be a call of a tool: {method?, path? or url?, headers?, body? or body_base64?}");
        }

        return call switch
        {
            null => throw Bad("must be a call of a tool"),
            { Method: { } method } when !IsMethod(method) => throw Bad("has a \"method\" that is none"),
            { Path: not null, Url: not null } => throw Bad("has a \"path\" or a \"url\", not both"),
            { Path: { } path } when !path.StartsWith('/') => throw Bad("has a \"path\", which must begin with \"/\""),
            { Url: { } url } when !IsAddress(url) => throw Bad("has a \"url\", which must be http or https"),
            { Body: not null, BodyBase64: not null } => throw Bad("has a \"body\" or a \"body_base64\", not both"),
            _ => call,
        };
    }

    /// <summary>True for 1 to 32 letters.</summary>
    public static bool IsMethod(string text) =>
        text is { Length: > 0 and <= MostMethodCharacters } && text.All(char.IsAsciiLetter);

    private static bool IsAddress(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && (url.Scheme is "http" or "https");

    private static RejectedException Bad(string what) => new(DoorError.BadRequest($"\"request\" {what}", "request"));
}
