using System.IO.Pipelines;
using Microsoft.Extensions.Time.Testing;
using Pollard.Gateway.Hosts;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>A carrier that breaks while the gateway gives its link up.</summary>
public sealed class BrokenCarrierTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_link_that_cannot_even_be_cancelled_harms_nobody_else()
    {
        var clock = new FakeTimeProvider();
        await using var gateway = await LinkGateway.StartAsync(time: clock);
        var (ours, theirs) = MemoryLink.Create();
        var served = gateway.Server.ServeAsync(
            new BrokenLink(new BrokenReader(ours.Input), ours.Output),
            LinkPeer.Local("broken", "broken"),
            Token
        );
        FrameWriter.Write(
            theirs.Output,
            FrameType.Hello,
            0,
            """{"protocol_min":1,"protocol_max":1,"boot_id":"b","slots":1,"models":[{"name":"m"}]}"""u8
        );
        await theirs.Output.FlushAsync(Token);
        await gateway.UntilHostsAsync(1);

        clock.Advance(TimeSpan.FromSeconds(11)); // Its first ping was not echoed. What the timer throws comes out here.
        await theirs.Output.CompleteAsync();
        await served;

        Assert.Empty(gateway.Engine.Hosts.List());
    }

    private sealed record BrokenLink(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    /// <summary>As Kestrel's reader of a request whose connection broke.</summary>
    private sealed class BrokenReader(PipeReader inner) : PipeReader
    {
        public override void CancelPendingRead() => throw new IOException("The request stream was aborted.");

        public override void AdvanceTo(SequencePosition consumed) => inner.AdvanceTo(consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) =>
            inner.AdvanceTo(consumed, examined);

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) =>
            inner.ReadAsync(cancellationToken);

        public override bool TryRead(out ReadResult result) => inner.TryRead(out result);
    }
}
