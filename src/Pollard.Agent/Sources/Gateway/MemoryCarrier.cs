using System.IO.Pipelines;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Gateway;

/// <summary>A link to a gateway in the same process.</summary>
/// <param name="open">Opens a link at the gateway and gives this end of it.</param>
internal sealed class MemoryCarrier(Func<IDuplexPipe> open) : ILinkCarrier
{
    /// <inheritdoc/>
    public string Name => "memory";

    /// <inheritdoc/>
    public Task<bool> GetsThroughAsync(CancellationToken ct) => Task.FromResult(true);

    /// <inheritdoc/>
    public async Task<LinkConnection> ConnectAsync(ReadOnlyMemory<byte> hello, CancellationToken ct)
    {
        var link = open();
        FrameWriter.Write(link.Output, FrameType.Hello, 0, hello.Span);
        await link.Output.FlushAsync(ct);
        return new LinkConnection(
            link,
            async () =>
            {
                await link.Output.CompleteAsync();
                await link.Input.CompleteAsync();
            }
        );
    }
}
