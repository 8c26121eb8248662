using Microsoft.Extensions.Time.Testing;
using Pollard.Gateway.Hosts;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>A host's request is believed once, whatever other hosts do and whenever the gateway started.</summary>
public sealed class SignatureTests
{
    [Fact]
    public async Task A_good_signature_is_believed_once()
    {
        using var host = await SigningHost.EnrolAsync();
        var request = host.Sign("body");

        Assert.Equal(host.Id, host.Signatures.Check(request, "body"u8).Host?.Id);
        Assert.Contains("seen before", host.Signatures.Check(request, "body"u8).Refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_nonce_is_remembered_as_long_as_its_signature_is_good()
    {
        using var host = await SigningHost.EnrolAsync();
        var request = host.Sign("body", TimeSpan.FromSeconds(60));

        Assert.NotNull(host.Signatures.Check(request, "body"u8).Host);
        host.Clock.Advance(TimeSpan.FromSeconds(119));

        Assert.Contains("seen before", host.Signatures.Check(request, "body"u8).Refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_changed_body_or_another_key_is_not_believed()
    {
        using var host = await SigningHost.EnrolAsync();
        using var stranger = await SigningHost.EnrolAsync();
        var forged = stranger.Sign("body");
        forged.Headers[HostSignature.HostHeader] = host.Id;

        Assert.Null(host.Signatures.Check(host.Sign("body"), "other"u8).Host);
        Assert.Null(host.Signatures.Check(forged, "body"u8).Host);
        Assert.Equal(HostSignature.UnknownCode, host.Signatures.Check(stranger.Sign("body"), "body"u8).Code);
    }

    [Theory]
    [InlineData(-61)]
    [InlineData(61)]
    public async Task A_clock_that_is_off_is_told_so(int seconds)
    {
        using var host = await SigningHost.EnrolAsync();

        var check = host.Signatures.Check(host.Sign("body", TimeSpan.FromSeconds(seconds)), "body"u8);

        Assert.Contains("clock", check.Refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Hosts_that_sign_at_the_same_time_are_told_apart()
    {
        using var host = await SigningHost.EnrolAsync();
        using var stranger = await SigningHost.EnrolAsync();
        var requests = Enumerable
            .Range(0, 400)
            .Select(i => (IsGood: i % 2 == 0, Request: (i % 2 == 0 ? host : stranger).Sign("body")))
            .ToArray();
        foreach (var (_, forged) in requests)
        {
            forged.Headers[HostSignature.HostHeader] = host.Id;
        }

        Parallel.ForEach(
            requests,
            one => Assert.Equal(one.IsGood, host.Signatures.Check(one.Request, "body"u8).Host is not null)
        );
    }

    [Fact]
    public async Task A_request_from_before_a_restart_is_not_believed_again_and_one_after_it_is()
    {
        using var host = await SigningHost.EnrolAsync();
        var before = host.Sign("body");
        Assert.NotNull(host.Signatures.Check(before, "body"u8).Host);

        host.Clock.Advance(TimeSpan.FromSeconds(1));
        host.Restart();

        Assert.Equal(HostSignature.StaleCode, host.Signatures.Check(before, "body"u8).Code);
        Assert.NotNull(host.Signatures.Check(host.Sign("body"), "body"u8).Host);
    }

    [Fact]
    public async Task A_clock_that_is_behind_is_good_again_when_the_gateway_has_run_for_a_while()
    {
        using var host = await SigningHost.EnrolAsync();
        var behind = TimeSpan.FromSeconds(-30);

        Assert.Equal(HostSignature.StaleCode, host.Signatures.Check(host.Sign("body", behind), "body"u8).Code);
        host.Clock.Advance(TimeSpan.FromSeconds(30));

        Assert.NotNull(host.Signatures.Check(host.Sign("body", behind), "body"u8).Host);
    }

    [Fact]
    public void A_host_that_makes_very_many_requests_pushes_out_its_own_nonces_and_those_of_nobody_else()
    {
        var nonces = new NonceMemory(new FakeTimeProvider());
        Assert.Equal(NonceUse.New, nonces.Take("quiet", "a", 1000));
        Assert.Equal(NonceUse.New, nonces.Take("loud", "a", 1000));

        for (var i = 0; i < 10 * NonceMemory.Most; i++)
        {
            Assert.Equal(NonceUse.New, nonces.Take("loud", $"{i}", 1001 + (i / 1000)));
        }

        Assert.Equal(NonceUse.Seen, nonces.Take("quiet", "a", 1000));
        Assert.Equal(NonceUse.New, nonces.Take("quiet", "b", 1000));
    }

    [Fact]
    public void A_nonce_that_was_pushed_out_is_not_taken_for_a_new_one()
    {
        var nonces = new NonceMemory(new FakeTimeProvider());
        var count = 10 * NonceMemory.Most;
        for (var i = 0; i < count; i++)
        {
            nonces.Take("loud", $"{i}", 1000 + (i / 1000));
        }

        for (var i = 0; i < count; i++)
        {
            Assert.NotEqual(NonceUse.New, nonces.Take("loud", $"{i}", 1000 + (i / 1000)));
        }
    }

    [Fact]
    public async Task An_agent_whose_clock_is_behind_that_of_a_gateway_that_just_started_comes_in_a_moment_later()
    {
        var now = DateTimeOffset.UnixEpoch.AddYears(56);
        var clock = new FakeTimeProvider(now);
        await using var gateway = await LinkGateway.StartAsync(time: new FakeTimeProvider(now.AddSeconds(20)));
        await using var agent = new RunningAgent(
            gateway,
            new FakeBackend(),
            options => options with { Time = clock, Carrier = Agent.AgentCarrier.Turn, DrainWithin = TimeSpan.Zero }
        );

        while (gateway.Engine.Hosts.List().Count == 0 && !agent.Exit.IsCompleted)
        {
            clock.Advance(TimeSpan.FromMilliseconds(200));
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, TestContext.Current.CancellationToken);
        }

        Assert.False(agent.Exit.IsCompleted, "the agent gave up");
        Assert.InRange(clock.GetUtcNow(), now.AddSeconds(20), DateTimeOffset.MaxValue);
        await StopAsync(agent, clock);
    }

    private static async Task StopAsync(RunningAgent agent, FakeTimeProvider clock)
    {
        var stopping = agent.StopAsync();
        while (!stopping.IsCompleted)
        {
            clock.Advance(TimeSpan.FromMilliseconds(200));
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }
}
