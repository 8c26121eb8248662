using System.Text;
using System.Text.Json;
using Pollard.Agent.Backends.Http;
using Pollard.Protocol;
using Pollard.Protocol.Api;

namespace Pollard.Agent.Backends.Tools;

/// <summary>A client's call of a tool, checked: it goes to the tool's address, by a method and a path that the owner allows.</summary>
/// <param name="Method">The method.</param>
/// <param name="Address">The whole address.</param>
/// <param name="Fields">The client's header.</param>
/// <param name="Body">The body; null when there is none.</param>
/// <param name="IsRepeatable">The tool may be called twice with the same effect as once.</param>
internal sealed record ToolCall(
    HttpMethod Method,
    Uri Address,
    IReadOnlyList<HttpField> Fields,
    byte[]? Body,
    bool IsRepeatable
)
{
    /// <summary>Characters in an address.</summary>
    public const int MostAddressCharacters = 16 * 1024;

    private const int MostFields = 100;
    private const int MostFieldCharacters = 32 * 1024;

    /// <summary>Reads the request of a task.</summary>
    /// <exception cref="BackendException">It cannot be read, or is not allowed.</exception>
    public static ToolCall Read(ReadOnlyMemory<byte> request, ToolAddress address, HttpToolOptions options)
    {
        var call = Parse(request);
        if (call is { Path: not null, Url: not null } or { Body: not null, BodyBase64: not null })
        {
            throw new BackendException(
                ToolFailure.Bad("a call has \"path\" or \"url\", and \"body\" or \"body_base64\", not both of them")
            );
        }

        var method = (call.Method ?? "GET").ToUpperInvariant();
        if (!options.Methods.Contains(method, StringComparer.Ordinal))
        {
            throw new BackendException(
                ToolFailure.NotAllowed(
                    $"tool \"{options.Name}\" is not to be called by this method; allowed: {string.Join(", ", options.Methods)}"
                )
            );
        }

        var fields = call.Headers ?? [];
        if (fields.Count > MostFields || fields.Sum(static f => f.Name.Length + f.Value.Length) > MostFieldCharacters)
        {
            throw new BackendException(
                ToolFailure.Bad($"a call has at the most {MostFields} header lines of together 32 KB", "headers")
            );
        }

        if (!fields.All(static field => HttpFields.IsName(field.Name) && HttpFields.IsValue(field.Value)))
        {
            throw new BackendException(
                ToolFailure.Bad("a header line has a name or a value that HTTP does not know", "headers")
            );
        }

        var whole = call.Url is { } url ? address.Checked(url) : address.Below(call.Path ?? "/");
        var body = call.BodyBase64 ?? (call.Body is { } text ? Encoding.UTF8.GetBytes(text) : null);
        return new ToolCall(new HttpMethod(method), whole, fields, body, call.IsRepeatable);
    }

    private static HttpCall Parse(ReadOnlyMemory<byte> request)
    {
        try
        {
            return JsonSerializer.Deserialize(request.Span, ProtocolJson.Default.HttpCall)
                ?? throw new JsonException("null");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new BackendException(ToolFailure.Bad("the request is no call of a tool that can be read"), e);
        }
    }
}
