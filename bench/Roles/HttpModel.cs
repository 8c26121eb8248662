using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Pollard.Bench.Roles;

/// <summary>An OpenAI-compatible server that says what the script says: behind the proxies, behind an agent, and alone.</summary>
internal static class HttpModel
{
    private static readonly byte[] Whole = Encoding.UTF8.GetBytes(
        $$"""
        {"id":"c","object":"chat.completion","created":1,"model":"{{Script.Echo}}","choices":[{"index":0,
        "message":{"role":"assistant","content":"{{Script.Answer}}"},"finish_reason":"stop"}],
        "usage":{"prompt_tokens":200,"completion_tokens":200,"total_tokens":400} }
        """
    );

    private static readonly byte[] End = Encoding.UTF8.GetBytes($"data: {Chunk("", "\"stop\"")}\n\ndata: [DONE]\n\n");

    /// <summary>Serves until it is told to stop.</summary>
    public static async Task RunAsync(int port, CancellationToken ct)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenLocalhost(port));
        await using var app = builder.Build();
        app.MapGet("/v1/models", ListAsync);
        app.MapPost("/v1/chat/completions", AnswerAsync);
        await app.StartAsync(ct);
        await Role.ReadyAsync(ct);
    }

    private static Task ListAsync(HttpContext http)
    {
        http.Response.ContentType = "application/json";
        var models = string.Join(',', Script.Models.Select(model => $$"""{"id":"{{model}}","object":"model"}"""));
        return http.Response.WriteAsync($$"""{"object":"list","data":[{{models}}]}""", http.RequestAborted);
    }

    private static async Task AnswerAsync(HttpContext http)
    {
        using var body = await JsonDocument.ParseAsync(http.Request.Body, default, http.RequestAborted);
        var model = body.RootElement.GetProperty("model").GetString()!;
        if (!body.RootElement.TryGetProperty("stream", out var stream) || !stream.GetBoolean())
        {
            http.Response.ContentType = "application/json";
            http.Response.ContentLength = Whole.Length;
            await http.Response.Body.WriteAsync(Whole, http.RequestAborted);
            return;
        }

        var count = body.RootElement.TryGetProperty("max_tokens", out var most) ? most.GetInt32() : 50;
        http.Response.ContentType = "text/event-stream";
        try
        {
            await foreach (var token in Script.TokensAsync(model, count, http.RequestAborted))
            {
                await http.Response.WriteAsync($"data: {Chunk(token, "null")}\n\n", http.RequestAborted);
            }
        }
        catch (OperationCanceledException)
        {
            Role.Say($"cancelled {System.Diagnostics.Stopwatch.GetTimestamp()}");
            return;
        }

        await http.Response.Body.WriteAsync(End, http.RequestAborted);
    }

    private static string Chunk(string text, string finish) =>
        $$"""{"id":"c","object":"chat.completion.chunk","created":1,"model":"bench","choices":[{"index":0,"delta":{"content":"{{text}}"},"finish_reason":{{finish}} }]}""";
}
