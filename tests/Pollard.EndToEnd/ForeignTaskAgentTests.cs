using System.Text.Json;
using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>Agents that are no part of Pollard, in another language and as processes of their own, against a gateway.</summary>
public sealed class ForeignTaskAgentTests
{
    private const string Task = """{"kind":"task","request":{"numbers":[]}}""";

    [Fact]
    public async Task An_agent_that_fetches_and_completes_does_the_tasks_of_a_gateway()
    {
        await using var gateway = await GatewayProcess.StartAsync();
        List<string> ids = [];
        for (var number = 0; number < 5; number++)
        {
            ids.Add(await SubmitAsync(gateway, $$"""{"kind":"task","request":{"numbers":[1,{{number}}] } }"""));
        }

        await using var agent = Start("tasks", gateway.Url, "5");
        var code = await agent.UntilExitAsync();
        Assert.True(code == 0, agent.Output);
        var said = JsonElement.Parse(agent.Output);

        for (var number = 0; number < ids.Count; number++)
        {
            var task = await gateway.GetAsync($"/v1/tasks/{ids[number]}");
            Assert.Equal(1 + number, task.GetProperty("result").GetProperty("sum").GetInt32());
        }

        Assert.All(said.GetProperty("done").EnumerateArray(), static done => Assert.Equal("success", done.GetString()));
        Assert.Equal(5, said.GetProperty("stats").GetProperty("completed_tasks").GetInt32());
    }

    [Fact]
    public async Task What_was_answered_outlives_a_killed_gateway_and_what_was_fetched_is_given_again()
    {
        await using var gateway = await GatewayProcess.StartAsync();
        var (done, lost) = (await SubmitAsync(gateway, Task), await SubmitAsync(gateway, Task));
        var first = await FetchAsync(gateway);
        var second = await FetchAsync(gateway);
        await CompleteAsync(gateway, first);

        await gateway.KillAndRestartAsync();
        string? again = null;
        while (again is null)
        {
            again = await FetchAsync(gateway); // Held, five seconds each.
        }

        await CompleteAsync(gateway, again);

        Assert.NotEqual(second, again);
        Assert.Equal("completed", await StateAsync(gateway, done));
        Assert.Equal("completed", await StateAsync(gateway, lost));
    }

    [Fact]
    public async Task A_teleport_agent_makes_the_calls_of_a_gateway()
    {
        await using var gateway = await GatewayProcess.StartAsync();
        var small = await SubmitAsync(gateway, Call(gateway.Url + "/api/version"));
        var large = await SubmitAsync(gateway, Call(await LargePageAsync(gateway)));
        var nobody = await SubmitAsync(gateway, Call($"http://127.0.0.1:{PollardProcess.FreePort()}/"));

        await using var agent = Start("teleport", gateway.Url, "any", "3");
        Assert.Equal(0, await agent.UntilExitAsync());

        Assert.Equal("completed", await StateAsync(gateway, small));
        Assert.Equal("completed", await StateAsync(gateway, large));
        Assert.Equal("failed", await StateAsync(gateway, nobody));
    }

    private static PollardProcess Start(params string[] arguments) =>
        PollardProcess.StartProgram([
            "python3",
            Path.GetFullPath(
                Path.Combine(AppContext.BaseDirectory, "../../../../tests/Pollard.EndToEnd/clients/task_agents.py")
            ),
            .. arguments,
        ]);

    private static string Call(string url) =>
        $$$"""{"kind":"http","model":"python","request":{"method":"GET","url":"{{{url}}}"}}""";

    // The gateway shows its own task: a page of over 512,000 bytes, which the agent uploads.
    private static async Task<string> LargePageAsync(GatewayProcess gateway)
    {
        var id = await SubmitAsync(gateway, Task);
        var taskId = await FetchAsync(gateway);
        var result = new string('x', 600_000);
        await gateway.PostAsync("/complete-task", $$"""{"taskId":"{{taskId}}","result":"{{result}}"}""");
        return $"{gateway.Url}/v1/tasks/{id}";
    }

    private static async Task<string?> FetchAsync(GatewayProcess gateway)
    {
        var data = (await gateway.GetAsync("/get-task")).GetProperty("data");
        return data.ValueKind == JsonValueKind.Null ? null : data.GetProperty("taskId").GetString();
    }

    private static Task<JsonElement> CompleteAsync(GatewayProcess gateway, string? taskId) =>
        gateway.PostAsync("/complete-task", $$"""{"taskId":"{{taskId}}","result":1}""");

    private static async Task<string> SubmitAsync(GatewayProcess gateway, string task) =>
        (await gateway.PostAsync("/v1/tasks", task)).GetProperty("id").GetString()!;

    private static async Task<string?> StateAsync(GatewayProcess gateway, string id) =>
        (await gateway.GetAsync($"/v1/tasks/{id}")).GetProperty("state").GetString();
}
