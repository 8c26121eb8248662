using System.Text.Json;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests;

/// <summary>The line that each request leaves.</summary>
public sealed class AccessLogTests : IDisposable
{
    private static readonly string Root = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../../.."));
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Fact]
    public async Task Each_request_leaves_a_line_of_the_documented_members()
    {
        string? admin;
        await using (var gateway = await StartAsync(WithLog))
        {
            admin = gateway.Server.FirstAdminKey;
            var host = gateway.Connect("m");
            var chat = gateway.PostAsync(
                "/v1/chat/completions",
                """{"model":"m","messages":[{"role":"user","content":"hi"}]}""",
                ("User-Agent", "a client")
            );
            (await host.TakeAsync()).Say("done").Finish();
            await JsonOf(chat);
            await JsonOf(gateway.NewClient("pk_wrong").GetAsync("/v1/tasks?token=secret", Token), 401);
            await JsonOf(gateway.GetAsync("/v1/nothing"), 404);
        }

        // In the order in which they ended, which is after their clients had the answers.
        var lines = (await File.ReadAllLinesAsync(_path, Token))
            .Select(static line => JsonElement.Parse(line))
            .OrderBy(static line => line.GetProperty("status").GetInt32())
            .ToList();
        var documented = await File.ReadAllTextAsync(Path.Combine(Root, "docs/reference/access-log.md"), Token);

        Assert.Equal([200, 401, 404], lines.Select(static line => line.GetProperty("status").GetInt32()));
        Assert.Equal("/v1/tasks", lines[1].GetProperty("path").GetString());
        Assert.False(lines[1].TryGetProperty("key", out _));
        Assert.StartsWith("key_", lines[0].GetProperty("key").GetString(), StringComparison.Ordinal);
        Assert.StartsWith("task_", lines[0].GetProperty("task").GetString(), StringComparison.Ordinal);
        Assert.All(
            lines.SelectMany(static line => line.EnumerateObject()),
            member => Assert.Contains($"`{member.Name}`", documented, StringComparison.Ordinal)
        );
        var all = await File.ReadAllTextAsync(_path, Token);
        Assert.DoesNotContain("secret", all, StringComparison.Ordinal);
        Assert.DoesNotContain(admin!, all, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_leaves_is_noted_as_such()
    {
        await using (var gateway = await StartAsync(WithLog))
        {
            var host = gateway.Connect("m");
            using var leaving = CancellationTokenSource.CreateLinkedTokenSource(Token);
            var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
            {
                Content = new StringContent("""{"model":"m","messages":[{"role":"user","content":"hi"}]}"""),
            };
            var sent = gateway.Client.SendAsync(request, leaving.Token);
            await host.TakeAsync();
            await leaving.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sent);
            await host.CancelledAsync();
        }

        var line = JsonElement.Parse(Assert.Single(await File.ReadAllLinesAsync(_path, Token)));
        Assert.True(line.GetProperty("left").GetBoolean());
    }

    private GatewayOptions WithLog(GatewayOptions options) =>
        options with
        {
            RequireKeys = true,
            AccessLogPath = _path,
        };
}
