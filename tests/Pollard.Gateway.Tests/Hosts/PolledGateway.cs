using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>What tests of hosts that ask for work have in common.</summary>
internal static class PolledGateway
{
    /// <summary>Turns the clock in small steps, with time in between for what each step causes.</summary>
    public static async Task PassAsync(this TestGateway gateway, FakeTimeProvider clock, TimeSpan time)
    {
        for (var passed = TimeSpan.Zero; passed < time; passed += TimeSpan.FromSeconds(1))
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            await JsonOf(gateway.GetAsync("/api/version"));
        }
    }

    /// <summary>Waits until so many requests for work are held: a host has a slot for each.</summary>
    public static async Task UntilHeldAsync(this TestGateway gateway, int count = 1)
    {
        while (gateway.Engine.Hosts.List().Sum(static host => host.Description.Slots - host.Running) != count)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Token);
        }
    }

    /// <summary>Hands a task in; its id.</summary>
    public static async Task<string> SubmitAsync(this TestGateway gateway, string task, HttpClient? client = null)
    {
        var accepted = await JsonOf(PostAsync(client ?? gateway.Client, "/v1/tasks", task), 202);
        return accepted.GetProperty("id").GetString()!;
    }

    /// <summary>The task when it has ended.</summary>
    public static async Task<JsonElement> EndOfAsync(this TestGateway gateway, string id)
    {
        while (true)
        {
            var task = await JsonOf(gateway.GetAsync($"/v1/tasks/{id}"));
            if (task.GetProperty("final").GetBoolean())
            {
                return task;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Token);
        }
    }

    /// <summary>A join token's secret.</summary>
    public static async Task<string> TokenAsync(this TestGateway gateway, string terms = "{}") =>
        (await JsonOf(gateway.PostAsync("/v1/tokens", terms), 201)).GetProperty("token").GetString()!;

    /// <summary>A client's key.</summary>
    public static async Task<string> KeyAsync(this TestGateway gateway) =>
        (await JsonOf(gateway.PostAsync("/v1/keys", """{"name":"c"}"""), 201)).GetProperty("key").GetString()!;

    /// <summary>The only host that is listed.</summary>
    public static async Task<JsonElement> HostAsync(this TestGateway gateway) =>
        Assert.Single((await JsonOf(gateway.GetAsync("/v1/hosts"))).GetProperty("hosts").EnumerateArray());
}
