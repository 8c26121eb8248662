using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Pollard.Client;

/// <summary>One call: what is needed to send it, and to send it again.</summary>
internal sealed record GatewayCall(HttpMethod Method, string Path)
{
    /// <summary>The body, JSON.</summary>
    public byte[]? Body { get; init; }

    /// <summary>What the answer must be; null: JSON.</summary>
    public string? Accept { get; init; }

    /// <summary>The gateway takes a submission with the same key once.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>True when a second try does no harm should the first have arrived.</summary>
    public bool MayRepeat { get; init; }

    /// <summary>A reading call; it may be repeated.</summary>
    public static GatewayCall Get(string path) => new(HttpMethod.Get, path) { MayRepeat = true };

    /// <summary>A call without a body that changes something.</summary>
    public static GatewayCall Post(string path) => new(HttpMethod.Post, path);

    /// <summary>A call with a body.</summary>
    public static GatewayCall Post<T>(string path, T body, JsonTypeInfo<T> type) =>
        new(HttpMethod.Post, path) { Body = JsonSerializer.SerializeToUtf8Bytes(body, type) };

    /// <summary>A submission; it may be repeated, as all its tries have one key.</summary>
    public static GatewayCall Submit<T>(string path, T body, JsonTypeInfo<T> type, string? idempotencyKey) =>
        Post(path, body, type) with
        {
            IdempotencyKey = idempotencyKey ?? Guid.CreateVersion7().ToString("N"),
            MayRepeat = true,
        };

    /// <summary>The message of one try.</summary>
    public HttpRequestMessage ToRequest(string? key)
    {
        var request = new HttpRequestMessage(Method, Path);
        if (Body is not null)
        {
            request.Content = new ByteArrayContent(Body)
            {
                Headers = { ContentType = new MediaTypeHeaderValue("application/json") },
            };
        }

        if (Accept is not null)
        {
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(Accept));
        }

        if (IdempotencyKey is not null)
        {
            request.Headers.Add("Idempotency-Key", IdempotencyKey);
        }

        if (key is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }

        return request;
    }
}
