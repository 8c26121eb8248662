using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests.Hosts.TaskAgents;

/// <summary>An agent with the small contract, made anew from what is known of it: it fetches, works and completes.</summary>
internal sealed class SmallAgent(HttpClient http, string name = "python-requests/2.32.3", string? token = null)
{
    /// <summary>Fetches once; null when there is nothing.</summary>
    public async Task<JsonElement?> FetchAsync(string query = "", CancellationToken? ct = null)
    {
        using var reply = await http.SendAsync(Request(HttpMethod.Get, "/get-task" + query), ct ?? Token);
        var text = await reply.Content.ReadAsStringAsync(Token);
        Assert.True(reply.StatusCode == HttpStatusCode.OK, text);
        var said = JsonElement.Parse(text);
        Assert.Equal("success", said.GetProperty("status").GetString());
        var data = said.GetProperty("data");
        return data.ValueKind == JsonValueKind.Null ? null : data;
    }

    /// <summary>Fetches until there is something.</summary>
    public async Task<JsonElement> UntilTaskAsync(string query = "")
    {
        while (true)
        {
            if (await FetchAsync(query) is { } task)
            {
                return task;
            }
        }
    }

    public Task<HttpResponseMessage> CompleteAsync(JsonElement task, string more = "") =>
        PostAsync("/complete-task", $$"""{"taskId":"{{task.GetProperty("taskId").GetString()}}"{{more}}}""");

    public Task<HttpResponseMessage> ReturnAsync(JsonElement task) =>
        PostAsync("/return-task", $$"""{"taskId":"{{task.GetProperty("taskId").GetString()}}"}""");

    public Task<HttpResponseMessage> PostAsync(string path, string body)
    {
        var request = Request(HttpMethod.Post, path);
        request.Content = new StringContent(body);
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return http.SendAsync(request, Token);
    }

    public Task<HttpResponseMessage> GetAsync(string path) => http.SendAsync(Request(HttpMethod.Get, path), Token);

    private HttpRequestMessage Request(HttpMethod method, string path)
    {
        var request = new HttpRequestMessage(method, path);
        request.Headers.TryAddWithoutValidation("User-Agent", name);
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        return request;
    }
}
