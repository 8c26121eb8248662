using System.Text.Json;

namespace Pollard.Gateway.Tests.OpenApi;

/// <summary>What a gateway answers is as its OpenAPI document says.</summary>
public sealed class AnswerTests : IAsyncLifetime
{
    private const string Chat =
        """{"kind":"chat","model":"m","request":{"messages":[{"role":"user","content":"hi"}]}}""";
    private TestGateway _gateway = null!;
    private ServedDocument _document = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _gateway = await TestGateway.StartAsync(static options => options with { RequireKeys = true });
        _document = await ServedDocument.ReadAsync(_gateway);
    }

    public ValueTask DisposeAsync() => _gateway.DisposeAsync();

    [Fact]
    public async Task Tasks_are()
    {
        var waiting = await AnswerAsync("post", "/v1/tasks", Chat, 202);
        var id = waiting.GetProperty("id").GetString()!;
        _ = await AnswerAsync("get", "/v1/tasks/{id}/why", null, 200, id);
        var host = _gateway.Connect("m");
        _ = await AnswerAsync("get", "/v1/tasks/{id}/why", null, 200, id);
        var attempt = await host.TakeAsync();
        attempt.Say("hello");
        _ = await AnswerAsync("get", "/v1/tasks/{id}", null, 200, id);
        attempt.Finish();

        var ended = await AnswerAsync("get", "/v1/tasks/{id}/wait", null, 200, id);
        var page = await AnswerAsync("get", "/v1/tasks", null, 200);
        using var events = await _gateway.GetAsync($"/v1/tasks/{id}/events", ("Accept", "application/json"));

        Assert.Equal("completed", ended.GetProperty("state").GetString());
        Assert.Equal(1, page.GetProperty("tasks").GetArrayLength());
        var log = JsonElement.Parse(await events.Content.ReadAsStringAsync(Token));
        Assert.Null(_document.Deviation("/v1/tasks/{id}/events", "get", 200, log));
        Assert.True(log.GetProperty("events").GetArrayLength() >= 4);
    }

    [Fact]
    public async Task Failed_and_cancelled_tasks_are()
    {
        var batch = await AnswerAsync(
            "post",
            "/v1/tasks:batch",
            $$"""{"tasks":[{{Chat}},{{Chat}},{"kind":"?"}]}""",
            200
        );
        var ids = batch.GetProperty("tasks").EnumerateArray().Take(2).Select(IdOf).ToList();
        _ = await AnswerAsync("delete", "/v1/tasks/{id}", null, 202, ids[1]);
        (await _gateway.Connect("m").TakeAsync()).Fail("bad_request");

        var failed = await AnswerAsync("get", "/v1/tasks/{id}/wait", null, 200, ids[0]);

        Assert.Equal("urn:pollard:error:bad_request", failed.GetProperty("error").GetProperty("type").GetString());
        _ = await AnswerAsync("delete", "/v1/tasks/{id}", null, 409, ids[0]);
        _ = await AnswerAsync("post", "/v1/tasks/{id}/input", """{"action":"retry"}""", 409, ids[0]);
        _ = await AnswerAsync("post", "/v1/tasks/{id}/retry", null, 202, ids[0]);

        static string IdOf(JsonElement item) => item.GetProperty("task").GetProperty("id").GetString()!;
    }

    [Fact]
    public async Task Keys_tokens_and_hosts_are()
    {
        var key = await AnswerAsync(
            "post",
            "/v1/keys",
            """{"name":"a","requests_per_minute":100,"expires_in":60}""",
            201
        );
        _ = await AnswerAsync("get", "/v1/keys", null, 200);
        _ = await AnswerAsync("delete", "/v1/keys/{id}", null, 404, "nobody");
        _ = await AnswerAsync(
            "post",
            "/v1/tokens",
            """{"name":"a","tier":"own","most_slots":2,"models":["m*"]}""",
            201
        );
        _ = await AnswerAsync("get", "/v1/tokens", null, 200);
        _ = _gateway.Connect("m");
        var hosts = await AnswerAsync("get", "/v1/hosts", null, 200);
        var host = hosts.GetProperty("hosts")[0].GetProperty("id").GetString()!;
        _ = await AnswerAsync("post", "/v1/hosts/{id}/drain", null, 404, "nobody");
        _ = await AnswerAsync("get", "/v1/hosts/{id}/audits", null, 404, "nobody");

        using var client = _gateway.NewClient(key.GetProperty("key").GetString());
        var refused = await TestGateway.JsonOf(client.GetAsync("/v1/keys", Token), 403);
        var limited = await TestGateway.JsonOf(client.GetAsync("/v1/models", Token));

        Assert.NotEmpty(host);
        Assert.Null(_document.Deviation("/v1/keys", "get", 403, refused));
        Assert.Null(_document.Deviation("/v1/models", "get", 200, limited));
    }

    [Fact]
    public async Task Errors_of_all_doors_are()
    {
        _ = await AnswerAsync("post", "/v1/tasks", "{", 400);
        _ = await AnswerAsync("get", "/v1/tasks/{id}", null, 404, "nobody");
        _ = await AnswerAsync("get", "/v1/tasks/{id}/status", null, 404, "nobody");
        _ = await AnswerAsync("post", "/v1/tasks/submit", "[]", 422, "", "DetailError");
        _ = await AnswerAsync("get", "/v1/polling/status/{id}", null, 404, "nobody");
        _ = await AnswerAsync("post", "/v1/chat/completions", """{"model":"none","messages":[{"role":"user"}]}""", 404);
        _ = await AnswerAsync(
            "post",
            "/api/andy/v1/chat/completions",
            """{"model":"none","messages":[{"role":"user"}]}""",
            503
        );
        _ = await AnswerAsync("post", "/api/chat", """{"model":"none","messages":[{"role":"user"}]}""", 404);
        _ = await AnswerAsync("post", "/api/pull", "{}", 501);
        _ = await AnswerAsync("post", "/complete-task", "{}", 400);
        _ = await AnswerAsync("post", "/api/http-teleport/put-result", "{}", 401);
        _ = await AnswerAsync("get", "/v1/teleport/{target}/{path}", null, 404, "nobody");
    }

    [Fact]
    public async Task Health_is()
    {
        _ = await AnswerAsync("get", "/healthz", null, 200);
        _ = await AnswerAsync("get", "/readyz", null, 200);
    }

    [Fact]
    public void A_member_that_the_document_has_not_is_a_deviation()
    {
        Assert.NotNull(_document.Deviation("Health", JsonElement.Parse("""{"status":"ok","more":1}""")));
        Assert.NotNull(_document.Deviation("Health", JsonElement.Parse("""{"status":"well"}""")));
        Assert.NotNull(
            _document.Deviation("Why", JsonElement.Parse("""{"state":"pending","summary":"","hosts":[{}]}"""))
        );
    }

    private async Task<JsonElement> AnswerAsync(
        string method,
        string path,
        string? body,
        int status,
        string id = "",
        string? schema = null
    )
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Parse(method),
            path.Replace("{id}", id).Replace("{target}/{path}", $"{id}/x")
        );
        request.Content = body is null ? null : new StringContent(body, null, "application/json");
        var answer = await TestGateway.JsonOf(_gateway.Client.SendAsync(request, Token), status);
        var deviation = schema is null
            ? _document.Deviation(path, method, status, answer)
            : _document.Deviation(schema, answer);
        Assert.True(deviation is null, $"{method} {path}: {deviation}\n{answer}");
        return answer;
    }
}
