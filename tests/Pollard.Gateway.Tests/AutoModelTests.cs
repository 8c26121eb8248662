using Pollard.Gateway.Answers;

namespace Pollard.Gateway.Tests;

/// <summary>Clients that leave the choice of the model to the gateway.</summary>
public class AutoModelTests
{
    [Fact]
    public async Task Auto_is_the_model_with_most_room()
    {
        await using var gateway = await TestGateway.StartAsync();
        FakeHost.Connect(gateway.Engine, "one", Protocol.Api.TrustTier.Own, "big");
        FakeHost.Connect(gateway.Engine, "two", Protocol.Api.TrustTier.Own, "small");
        var three = FakeHost.Connect(gateway.Engine, "three", Protocol.Api.TrustTier.Own, "small");

        Assert.Equal("small", await ModelOfAsync(gateway));
        three.Leave();
        Assert.Equal("big", await ModelOfAsync(gateway)); // As much room, and the first by its name.
    }

    [Fact]
    public async Task Routes_say_which_come_first_and_the_rest_is_for_when_none_of_them_is_there()
    {
        await using var gateway = await TestGateway.StartAsync(options =>
            options with
            {
                Routes = [new ModelRoute("auto", "best"), new ModelRoute("auto", "good")],
            }
        );
        FakeHost.Connect(gateway.Engine, "any", Protocol.Api.TrustTier.Own, "a", "b");
        Assert.Equal("a", await ModelOfAsync(gateway));
        FakeHost.Connect(gateway.Engine, "good", Protocol.Api.TrustTier.Own, "good");
        Assert.Equal("good", await ModelOfAsync(gateway));
        var best = FakeHost.Connect(gateway.Engine, "best", Protocol.Api.TrustTier.Own, "best");
        Assert.Equal("best", await ModelOfAsync(gateway));
        best.Leave();
        Assert.Equal("good", await ModelOfAsync(gateway));
    }

    [Fact]
    public async Task Where_nothing_is_there_auto_is_a_model_like_any_other()
    {
        await using var gateway = await TestGateway.StartAsync();
        var reply = await gateway.PostAsync(
            "/v1/chat/completions",
            """{"model":"auto","messages":[{"role":"user","content":"hello"}]}"""
        );

        Assert.Equal(404, (int)reply.StatusCode);
    }

    [Fact]
    public async Task Names_lead_to_the_same_at_the_door_of_tasks()
    {
        await using var gateway = await TestGateway.StartAsync(options =>
            options with
            {
                Routes = [new ModelRoute("gpt-*", "local"), new ModelRoute("gpt-*", "other")],
            }
        );

        Assert.Equal("local", await ModelOfTaskAsync(gateway, "gpt-4o")); // The owner's word, also before a host is there.
        FakeHost.Connect(gateway.Engine, "one", Protocol.Api.TrustTier.Own, "other");
        Assert.Equal("other", await ModelOfTaskAsync(gateway, "gpt-4o"));
        Assert.Equal("other", await ModelOfTaskAsync(gateway, "ollama/other"));
        Assert.Equal("other", await ModelOfTaskAsync(gateway, "auto"));
        Assert.Equal("nobody-has-this", await ModelOfTaskAsync(gateway, "nobody-has-this"));
        FakeHost.Connect(gateway.Engine, "two", Protocol.Api.TrustTier.Own, "gpt-4o");
        Assert.Equal("gpt-4o", await ModelOfTaskAsync(gateway, "gpt-4o"));
    }

    private static async Task<string?> ModelOfTaskAsync(TestGateway gateway, string model)
    {
        var body =
            $$$"""{"kind":"chat","model":"{{{model}}}","request":{"messages":[{"role":"user","content":"hello"}]}}""";
        var one = await TestGateway.JsonOf(gateway.PostAsync("/v1/tasks", body), status: 202);
        var many = await TestGateway.JsonOf(gateway.PostAsync("/v1/tasks:batch", $$"""{"tasks":[{{body}}]}"""));
        var name = one.GetProperty("model").GetString();
        Assert.Equal(name, many.GetProperty("tasks")[0].GetProperty("task").GetProperty("model").GetString());
        return name;
    }

    private static async Task<string?> ModelOfAsync(TestGateway gateway)
    {
        var task = await TestGateway.JsonOf(
            gateway.PostAsync(
                "/v1/chat/completions",
                """{"model":"auto","messages":[{"role":"user","content":"hello"}]}""",
                ("Prefer", "respond-async")
            ),
            status: 202
        );
        return task.GetProperty("model").GetString();
    }
}
