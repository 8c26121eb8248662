using System.Text.Json;
using Pollard.Agent.Owner;
using Pollard.Agent.Tests.Link;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Tests.Owner;

/// <summary>A machine that works only when nobody uses it.</summary>
public sealed class WhenIdleTests
{
    private static readonly DateTimeOffset Now = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_machine_that_is_used_rests_until_it_was_left_alone_for_long_enough()
    {
        var used = DateTimeOffset.UnixEpoch;
        await using var gateway = new FakeGateway(
            new ConductedBackend(),
            options => options with { WhenIdle = TimeSpan.FromSeconds(12), LastUse = _ => used }
        );
        var session = await gateway.OpenAsync();
        Assert.Null(session.Hello.Rest);

        used = gateway.Clock.GetUtcNow();
        gateway.Clock.Advance(TimeSpan.FromSeconds(10));
        var rest = await RestAsync(session);
        Assert.Equal(("in_use", 2d), (rest.Code, rest.Seconds));
        gateway.Clock.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal("none", (await RestAsync(session)).Code);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_runs_is_finished_or_goes_to_others_when_the_owner_says_so(bool hasGrace)
    {
        var used = DateTimeOffset.UnixEpoch;
        var backend = new ConductedBackend();
        await using var gateway = new FakeGateway(
            backend,
            options =>
                options with
                {
                    WhenIdle = TimeSpan.FromMinutes(10),
                    WhenIdleGrace = hasGrace ? TimeSpan.FromSeconds(5) : null,
                    LastUse = _ => used,
                }
        );
        var session = await gateway.OpenAsync();
        session.Offer(1);
        var run = await backend.NextAsync();

        used = gateway.Clock.GetUtcNow();
        gateway.Clock.Advance(TimeSpan.FromSeconds(10));
        await RestAsync(session);
        gateway.Clock.Advance(TimeSpan.FromSeconds(5));

        if (hasGrace)
        {
            var fail = JsonSerializer.Deserialize(
                (await session.UntilAsync(FrameType.Fail)).Payload,
                ProtocolJson.Default.Fail
            )!;
            Assert.Equal(("draining", true), (fail.Code, fail.Retryable));
        }
        else
        {
            Assert.False(run.Stopping.IsCancellationRequested);
            run.Finish();
            await session.UntilAsync(FrameType.Finish);
        }
    }

    [Theory]
    [InlineData("IdleHint=no\nIdleSinceHint=0\n", 0)]
    [InlineData("IdleHint=yes\nIdleSinceHint=1777636740000000\n", 60)]
    [InlineData("IdleSinceHint=1777636740000000\nIdleHint=yes", 60)]
    [InlineData("IdleHint=yes\nIdleSinceHint=0\n", 1777636800)]
    [InlineData("IdleHint=yes\nIdleSinceHint=1999999999000000\n", null)]
    [InlineData("IdleHint=yes\n", null)]
    [InlineData("Failed to connect to bus", null)]
    [InlineData("", null)]
    public void The_answer_of_logind_is_read(string answer, int? secondsAgo)
    {
        Assert.Equal(secondsAgo, (Now - MachineUse.Read(answer, Now))?.TotalSeconds);
    }

    [Fact]
    public async Task The_last_key_on_any_terminal_counts()
    {
        var devices = Directory.CreateTempSubdirectory("pollard-");
        devices.CreateSubdirectory("pts");
        foreach (
            var (name, minutes) in ((string, int)[])
                [("pts/0", 30), ("pts/7", 20), ("tty2", 40), ("ttyS0", 1), ("tty", 2), ("pts/ptmx", 3), ("null", 4)]
        )
        {
            var path = Path.Combine(devices.FullName, name);
            await File.WriteAllTextAsync(path, "", Token);
            File.SetLastAccessTimeUtc(path, Now.UtcDateTime.AddMinutes(-minutes));
        }

        Assert.Equal(Now.AddMinutes(-20), MachineUse.OfTerminals(devices.FullName));
        devices.Delete(recursive: true);
    }

    private static async Task<Messages.Rest> RestAsync(GatewayEnd session)
    {
        while (true)
        {
            var status = (await session.UntilAsync(FrameType.Status)).Payload;
            if (JsonSerializer.Deserialize(status, ProtocolJson.Default.Status)!.Rest is { } rest)
            {
                return rest;
            }
        }
    }
}
