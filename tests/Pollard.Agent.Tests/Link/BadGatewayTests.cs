using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Tests.Link;

/// <summary>A gateway gets no more of a machine than its owner offers, whatever it asks for.</summary>
public sealed class BadGatewayTests
{
    [Theory]
    [InlineData("chat", "private", "unknown_model")]
    [InlineData("chat", "m:other", "unknown_model")]
    [InlineData("chat", "../m", "unknown_model")]
    [InlineData("command", "m", "unsupported")]
    [InlineData("pull", "m", "unsupported")]
    public async Task Work_that_was_not_offered_is_refused(string kind, string model, string expected)
    {
        await using var gateway = new FakeGateway(new ConductedBackend());
        var session = await gateway.OpenAsync();

        session.Offer(1, kind: kind, model: model);

        Assert.Equal(expected, await RefusalAsync(session));
    }

    [Fact]
    public async Task A_model_that_the_owner_keeps_back_is_refused()
    {
        await using var gateway = new FakeGateway(
            new ConductedBackend(),
            options => options with { Limits = new AgentLimits { NotModels = ["m"] } }
        );
        var session = await gateway.OpenAsync();

        session.Offer(1);

        Assert.Equal("unknown_model", await RefusalAsync(session));
    }

    [Fact]
    public async Task More_than_there_are_slots_is_refused()
    {
        var backend = new ConductedBackend();
        await using var gateway = new FakeGateway(backend);
        var session = await gateway.OpenAsync();

        session.Offer(1);
        session.Offer(2);
        session.Offer(3);

        Assert.Equal("busy", await RefusalAsync(session));
        (await backend.NextAsync()).Finish();
        (await backend.NextAsync()).Finish();
    }

    [Theory]
    [InlineData(FrameType.Offer, "no offer")]
    [InlineData(FrameType.Config, "{")]
    [InlineData(FrameType.Hello, "{}")]
    public async Task Garbage_costs_the_link_and_nothing_more(FrameType type, string payload)
    {
        var backend = new ConductedBackend();
        await using var gateway = new FakeGateway(backend);
        var session = await gateway.OpenAsync();

        session.Say(type, payload, handle: 1);
        while (await session.NextAsync() is not null) { }
        for (var second = 0; second < 200 && !gateway.HasSession; second++)
        {
            gateway.Clock.Advance(TimeSpan.FromSeconds(1)); // It comes back after a random part of a window.
        }

        var next = await gateway.OpenAsync();
        next.Offer(1);
        (await backend.NextAsync()).Finish();
        await next.UntilAsync(FrameType.Finish);
    }

    private static async Task<string> RefusalAsync(GatewayEnd session)
    {
        var (_, payload) = await session.UntilAsync(FrameType.Refuse);
        return LinkJson.Read(payload, ProtocolJson.Default.Refuse).Code;
    }
}
