using System.Text.Json;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using Pollard.Testing;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests;

/// <summary>What clients hear when the store on disk fails.</summary>
public sealed class StoreFaultTests : IDisposable
{
    private const string Chat = """{"model":"m","messages":[{"role":"user","content":"hi"}]}""";
    private const string Submit = """{"kind":"echo","model":"m","request":1}""";
    private readonly StoreOnDisk _disk = new();

    public void Dispose() => _disk.Dispose();

    [Fact]
    public async Task A_task_whose_stored_answer_is_damaged_says_so_and_harms_no_other()
    {
        string damaged;
        string whole;
        await using (var gateway = await StartAsync(store: _disk.Create()))
        {
            damaged = await EndedAsync(gateway, "unmistakable");
            whole = await EndedAsync(gateway, "fine");
        }

        _disk.Damage("unmistakable");
        await using var again = await StartAsync(store: _disk.Create());
        foreach (var path in (string[])["", "/wait", "/events"])
        {
            using var response = await again.GetAsync($"/v1/tasks/{damaged}{path}");
            var problem = JsonElement.Parse(await response.Content.ReadAsStringAsync(Token));

            Assert.Equal(500, (int)response.StatusCode);
            Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.ToString());
            Assert.Equal("urn:pollard:error:stored_data_damaged", problem.GetProperty("type").GetString());
            Assert.Equal("false", response.Headers.GetValues("x-should-retry").Single());
            Assert.Null(response.Headers.ETag);
            AssertTellsNoSecrets(problem);
        }

        Assert.Equal(
            """{"text":"fine"}""",
            (await JsonOf(again.GetAsync($"/v1/tasks/{whole}"))).GetProperty("result").GetRawText()
        );
        Assert.Equal(
            2,
            (await JsonOf(again.GetAsync("/v1/tasks?state=completed"))).GetProperty("tasks").GetArrayLength()
        );
    }

    [Fact]
    public async Task A_damaged_answer_is_told_in_the_shape_of_its_door()
    {
        await using (var gateway = await StartAsync(store: _disk.Create()))
        {
            var host = gateway.Connect("m");
            var asked = gateway.PostAsync("/v1/chat/completions", Chat, ("Idempotency-Key", "k"));
            (await host.TakeAsync()).Say("unmistakable").Finish();
            await JsonOf(asked);
        }

        _disk.Damage("unmistakable");
        await using var again = await StartAsync(store: _disk.Create());
        again.Connect("m");
        var reply = await JsonOf(again.PostAsync("/v1/chat/completions", Chat, ("Idempotency-Key", "k")), 500);

        Assert.Equal("stored_data_damaged", reply.GetProperty("error").GetProperty("code").GetString());
    }

    [Fact]
    public async Task A_nearly_full_disk_takes_no_new_tasks_and_says_when_to_try_again()
    {
        _disk.FreeBytes = 0;
        await using var gateway = await StartAsync(store: _disk.Create());

        using var refused = await gateway.PostAsync("/v1/tasks", Submit);
        var problem = JsonElement.Parse(await refused.Content.ReadAsStringAsync(Token));
        var batch = await JsonOf(gateway.PostAsync("/v1/tasks:batch", $$"""{"tasks":[{{Submit}}]}"""));

        Assert.Equal(503, (int)refused.StatusCode);
        Assert.Equal("urn:pollard:error:store_read_only", problem.GetProperty("type").GetString());
        Assert.True(refused.Headers.RetryAfter?.Delta > TimeSpan.Zero);
        AssertTellsNoSecrets(problem);
        var error = batch.GetProperty("tasks")[0].GetProperty("error");
        Assert.Equal("urn:pollard:error:store_read_only", error.GetProperty("type").GetString());
        AssertTellsNoSecrets(error);
        var ready = await JsonOf(gateway.GetAsync("/readyz"), 503);
        Assert.Contains("disk", ready.GetProperty("store").GetProperty("reason").GetString(), StringComparison.Ordinal);
        AssertTellsNoSecrets(ready);
    }

    [Fact]
    public async Task A_full_disk_refuses_what_must_be_written_and_still_answers_what_is_there()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The file layer is for Linux.");
        await using var gateway = await StartAsync(store: _disk.Create());
        var id = await EndedAsync(gateway, "x");
        _disk.Fill();

        using var refused = await gateway.PostAsync("/v1/keys", """{"name":"one"}""");
        var problem = JsonElement.Parse(await refused.Content.ReadAsStringAsync(Token));
        var submitted = await JsonOf(gateway.PostAsync("/v1/tasks", Submit), 503);

        Assert.Equal(503, (int)refused.StatusCode);
        Assert.Equal("urn:pollard:error:store_read_only", problem.GetProperty("type").GetString());
        Assert.True(refused.Headers.RetryAfter?.Delta > TimeSpan.Zero);
        AssertTellsNoSecrets(problem);
        Assert.Equal("urn:pollard:error:store_read_only", submitted.GetProperty("type").GetString());
        await JsonOf(gateway.GetAsync($"/v1/tasks/{id}"));
    }

    [Fact]
    public async Task A_full_queue_says_so_and_when_to_try_again()
    {
        await using var gateway = await StartAsync(engineOptions: new TaskEngineOptions { MaxPending = 1 });
        await JsonOf(gateway.PostAsync("/v1/tasks", Submit), 202);

        using var refused = await gateway.PostAsync("/v1/tasks", Submit);
        var problem = JsonElement.Parse(await refused.Content.ReadAsStringAsync(Token));

        Assert.Equal(503, (int)refused.StatusCode);
        Assert.Equal("urn:pollard:error:queue_full", problem.GetProperty("type").GetString());
        Assert.True(refused.Headers.RetryAfter?.Delta > TimeSpan.Zero);
    }

    private void AssertTellsNoSecrets(JsonElement problem)
    {
        var text = problem.GetRawText();
        Assert.DoesNotContain(_disk.Folder, text);
        Assert.DoesNotContain("Exception", text);
    }

    private static async Task<string> EndedAsync(TestGateway gateway, string text)
    {
        var host = gateway.Connect("m");
        var sent = gateway.PostAsync("/v1/tasks", Submit, ("Prefer", "wait=30"));
        (await host.TakeAsync()).Send(DeltaKind.Body, text).Finish();
        var id = (await JsonOf(sent)).GetProperty("id").GetString()!;
        host.Leave();
        return id;
    }
}
