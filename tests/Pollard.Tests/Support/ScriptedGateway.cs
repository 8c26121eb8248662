using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Pollard.Tests.Support;

/// <summary>A server on a real socket that says what a test wants, and remembers what it was asked.</summary>
internal sealed class ScriptedGateway : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly List<Call> _calls = [];
    private readonly Dictionary<string, Func<HttpContext, Task>> _routes = new(StringComparer.Ordinal);

    private ScriptedGateway()
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore();
        _app = builder.Build();
        _app.Urls.Add("http://127.0.0.1:0");
        _app.Run(AnswerAsync);
    }

    public Uri Url => new(_app.Urls.First());

    /// <summary>What it was asked, in order.</summary>
    public IReadOnlyList<Call> Calls
    {
        get
        {
            lock (_calls)
            {
                return [.. _calls];
            }
        }
    }

    public static async Task<ScriptedGateway> StartAsync()
    {
        var gateway = new ScriptedGateway();
        await gateway._app.StartAsync(TestContext.Current.CancellationToken);
        return gateway;
    }

    /// <summary>Answers a call (<c>GET /v1/tasks</c>) in code.</summary>
    public ScriptedGateway On(string call, Func<HttpContext, Task> answer)
    {
        _routes[call] = answer;
        return this;
    }

    /// <summary>Answers a call with JSON.</summary>
    public ScriptedGateway On(string call, string json, int status = 200) =>
        On(
            call,
            http =>
            {
                http.Response.StatusCode = status;
                http.Response.ContentType = "application/json";
                return http.Response.WriteAsync(json, http.RequestAborted);
            }
        );

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext http)
    {
        using var reader = new StreamReader(http.Request.Body);
        var body = await reader.ReadToEndAsync(http.RequestAborted);
        var name = $"{http.Request.Method} {http.Request.Path}";
        lock (_calls)
        {
            _calls.Add(
                new(
                    name,
                    http.Request.QueryString.Value ?? "",
                    http.Request.Headers.ToDictionary(
                        header => header.Key,
                        header => header.Value.ToString(),
                        StringComparer.OrdinalIgnoreCase
                    ),
                    body
                )
            );
        }

        if (_routes.TryGetValue(name, out var answer))
        {
            await answer(http);
        }
        else
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
        }
    }
}

/// <summary>One call as it came.</summary>
internal sealed record Call(string Name, string Query, IReadOnlyDictionary<string, string> Headers, string Body);
