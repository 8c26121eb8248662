using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests.Andy;

/// <summary>A client program of the Andy pool, made anew from what is known of its generations, with a tiny model behind it.</summary>
internal sealed class AndyClient(HttpClient http, Generation generation, params string[] models)
{
    private static readonly HashSet<string> NotForTheLibrary = new(StringComparer.Ordinal)
    {
        "model",
        "messages",
        "stream",
        "timeout",
        "options",
    };

    /// <summary>What the pool calls this host.</summary>
    public string Id { get; private set; } = "";

    public async Task<JsonElement> JoinAsync(string? chosenId = null)
    {
        var before = generation.FindsItsId ? await HostIdsAsync() : [];
        var body = generation.Join(models);
        if (chosenId is not null)
        {
            body["host_id"] = chosenId;
        }

        var reply = await JsonOf(CallAsync("join_pool", body));
        Id = generation.FindsItsId
            ? (await HostIdsAsync()).Except(before, StringComparer.Ordinal).Single()
            : reply.GetProperty("host_id").GetString()!;
        return reply;
    }

    public async Task<HttpStatusCode> PingAsync(string? id = null)
    {
        using var reply = await CallAsync(
            "ping_pool",
            new JsonObject
            {
                ["host_id"] = id ?? Id,
                ["current_load"] = models.Length,
                ["status"] = "active",
            }
        );
        return reply.StatusCode;
    }

    /// <summary>Asks once for work; null when there is none.</summary>
    public async Task<JsonElement?> AskAsync(
        string? id = null,
        int? timeoutSeconds = null,
        CancellationToken ct = default
    )
    {
        using var reply = await http.SendAsync(AskRequest(id, timeoutSeconds), ct);
        if (reply.StatusCode == HttpStatusCode.NoContent)
        {
            return null;
        }

        var text = await reply.Content.ReadAsStringAsync(Token);
        Assert.True(reply.StatusCode == HttpStatusCode.OK, text);
        var work = JsonElement.Parse(text);
        if (generation.IsWrapped)
        {
            Assert.True(work.GetProperty("has_work").GetBoolean());
            work = work.GetProperty("work_item");
        }

        return work;
    }

    public HttpRequestMessage AskRequest(string? id = null, int? timeoutSeconds = null)
    {
        var body = new JsonObject
        {
            ["host_id"] = id ?? Id,
            ["models"] = new JsonArray([
                .. models.Select(name =>
                    generation.AsksWithObjects ? new JsonObject { ["name"] = name } : (JsonNode)name!
                ),
            ]),
        };
        if ((timeoutSeconds ?? generation.TimeoutSeconds) is { } seconds)
        {
            body["timeout"] = seconds;
        }

        return new HttpRequestMessage(HttpMethod.Post, $"{generation.Prefix}/{generation.Ask}")
        {
            Content = new StringContent(body.ToJsonString(), null, "application/json"),
        };
    }

    /// <summary>Asks until there is work.</summary>
    public async Task<JsonElement> UntilWorkAsync()
    {
        while (true)
        {
            if (await AskAsync(ct: Token) is { } work)
            {
                return work;
            }
        }
    }

    /// <summary>Asks for one piece of work, does it and brings it back.</summary>
    public async Task<JsonElement> WorkOnceAsync()
    {
        var work = await UntilWorkAsync();
        await SubmitAsync(work, Run(work));
        return work;
    }

    /// <summary>What this program makes of work: what its server says, or an error as it would meet it.</summary>
    public JsonObject Run(JsonElement work)
    {
        var model = work.GetProperty("model").GetString()!;
        if (!models.Contains(model, StringComparer.Ordinal))
        {
            return new JsonObject { ["error"] = $"Model {model} not available" };
        }

        var kind = work.GetProperty(generation.IsWrapped ? "work_type" : "task_type").GetString();
        if (kind == "embedding")
        {
            var length = work.GetProperty("input").GetString()!.Length;
            return Result(new JsonObject { ["embedding"] = new JsonArray(0.5, length) });
        }

        var parameters = work.GetProperty("params");
        return generation.CallsOpenAI ? RunOpenAI(work, parameters) : RunOllama(work, parameters);
    }

    public async Task SubmitAsync(JsonElement work, JsonObject outcome)
    {
        var body = new JsonObject { ["work_id"] = work.GetProperty("work_id").GetString() };
        foreach (var (name, value) in outcome.ToList())
        {
            body[name] = value?.DeepClone();
        }

        await JsonOf(CallAsync("submit_work_result", body));
    }

    public async Task LeaveAsync(string? id = null) =>
        await JsonOf(CallAsync("leave_pool", new JsonObject { ["host_id"] = id ?? Id }));

    public Task<HttpResponseMessage> CallAsync(string name, JsonObject body) =>
        PostAsync(http, $"{generation.Prefix}/{name}", body.ToJsonString());

    public async Task<IReadOnlyList<string>> HostIdsAsync() =>
        [
            .. (await JsonOf(http.GetAsync($"{generation.Prefix}/pool_status", Token)))
                .GetProperty("hosts")
                .EnumerateArray()
                .Select(host => host.GetProperty("host_id").GetString()!),
        ];

    private static JsonObject Result(JsonObject result) => new() { ["result"] = result };

    // Ollama streams lines unless it is told not to, and these programs read one object.
    private static JsonObject RunOllama(JsonElement work, JsonElement parameters)
    {
        if (!parameters.TryGetProperty("stream", out var stream) || stream.GetBoolean())
        {
            return new JsonObject { ["error"] = "Extra data: line 2 column 1 (char 99)" };
        }

        var options = parameters.GetProperty("options");
        return Result(
            new JsonObject
            {
                ["model"] = work.GetProperty("model").GetString(),
                ["message"] = new JsonObject
                {
                    ["role"] = "assistant",
                    ["content"] =
                        $"{Last(work).GetProperty("content").GetString()} at {options.GetProperty("temperature")}",
                },
                ["done"] = true,
                ["done_reason"] = options.TryGetProperty("num_predict", out _) ? "length" : "stop",
                ["total_duration"] = 5_000_000,
                ["prompt_eval_count"] = 11,
                ["eval_count"] = 7,
            }
        );
    }

    // The library knows its own parameters only, and some of them are given already.
    private static JsonObject RunOpenAI(JsonElement work, JsonElement parameters)
    {
        foreach (var parameter in parameters.EnumerateObject())
        {
            if (NotForTheLibrary.Contains(parameter.Name))
            {
                return new JsonObject { ["error"] = $"create() got an unexpected keyword argument '{parameter.Name}'" };
            }
        }

        var content = Last(work).GetProperty("content").GetString();
        return Result(
            new JsonObject
            {
                ["message"] = new JsonObject
                {
                    ["role"] = "assistant",
                    ["content"] = $"{content} at {parameters.GetProperty("temperature")}",
                },
                ["model"] = work.GetProperty("model").GetString(),
                ["usage"] = new JsonObject
                {
                    ["prompt_tokens"] = 11,
                    ["completion_tokens"] = 7,
                    ["total_tokens"] = 18,
                },
                ["eval_count"] = 7,
            }
        );
    }

    private static JsonElement Last(JsonElement work) => work.GetProperty("messages").EnumerateArray().Last();
}
