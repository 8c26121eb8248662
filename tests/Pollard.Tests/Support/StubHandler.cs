using System.Net;

namespace Pollard.Tests.Support;

/// <summary>Answers calls in a test's own words, with no network between; says when it was asked.</summary>
internal sealed class StubHandler(Func<int, HttpResponseMessage> answer) : HttpMessageHandler
{
    private readonly List<(string Name, string? IdempotencyKey)> _calls = [];

    /// <summary>What it was asked, in order.</summary>
    public IReadOnlyList<(string Name, string? IdempotencyKey)> Calls => _calls;

    /// <summary>An answer of JSON.</summary>
    public static HttpResponseMessage Json(HttpStatusCode status, string json) =>
        new(status) { Content = new ByteArrayContent(System.Text.Encoding.UTF8.GetBytes(json)) };

    /// <summary>A refusal.</summary>
    public static HttpResponseMessage Refusal(HttpStatusCode status, string? retryAfter = null)
    {
        var response = Json(status, Documents.Problem("busy", "Not now.", (int)status));
        if (retryAfter is not null)
        {
            response.Headers.Add("Retry-After", retryAfter);
        }

        return response;
    }

    protected override Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request,
        CancellationToken cancellationToken
    )
    {
        request.Headers.TryGetValues("Idempotency-Key", out var keys);
        _calls.Add(($"{request.Method} {request.RequestUri!.PathAndQuery}", keys?.Single()));
        return Task.FromResult(answer(_calls.Count));
    }
}
