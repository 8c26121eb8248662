using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Pollard.Gateway.Hosts;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>A host whose every byte the test writes, at a session of the real gateway.</summary>
internal sealed class RawLink(IDuplexPipe link)
{
    public const string Hello =
        """{"protocol_min":1,"protocol_max":1,"boot_id":"b","slots":4,"models":[{"name":"m"}]}""";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>A session that is open, as over carrier A or as another carrier has it.</summary>
    public static async Task<RawLink> OpenAsync(
        LinkGateway gateway,
        string id = "raw",
        LinkCarrier carrier = LinkCarrier.Http2,
        string hello = Hello
    )
    {
        var link = Begin(gateway, id, carrier);
        link.Say(FrameType.Hello, hello);
        await link.UntilAsync(FrameType.HelloOk);
        return link;
    }

    /// <summary>A link that has not said anything yet.</summary>
    public static RawLink Begin(LinkGateway gateway, string id = "raw", LinkCarrier carrier = LinkCarrier.Http2) =>
        new(gateway.Server.Open(new LinkPeer(id, id, carrier)));

    public void Say(FrameType type, string payload = "", uint handle = 0, uint sequence = 0, byte flags = 0)
    {
        FrameWriter.Write(link.Output, type, handle, Encoding.UTF8.GetBytes(payload), sequence, flags);
        Flush();
    }

    public void Say(byte[] bytes)
    {
        link.Output.Write(bytes);
        Flush();
    }

    /// <summary>The wire ends here.</summary>
    public void End() => link.Output.Complete();

    /// <summary>Takes the next offer.</summary>
    public async Task<uint> UntilOfferAsync() => (await UntilAsync(FrameType.Offer)).Header.Attempt;

    /// <summary>The next frame of this kind; others are passed over.</summary>
    public async Task<(FrameHeader Header, byte[] Payload)> UntilAsync(FrameType type)
    {
        while (await NextAsync() is { } frame)
        {
            if (frame.Header.Type == type)
            {
                return frame;
            }
        }

        throw new InvalidOperationException($"The link ended before a {type} frame came.");
    }

    /// <summary>Reads to the end of the link, whose last word must be the farewell.</summary>
    public async Task<Messages.GoAway> UntilGoAwayAsync()
    {
        var (_, payload) = await UntilAsync(FrameType.GoAway);
        Assert.Null(await NextAsync());
        return LinkJson.Read(payload, ProtocolJson.Default.GoAway);
    }

    /// <summary>The next frame; null at the end of the link.</summary>
    public async Task<(FrameHeader Header, byte[] Payload)?> NextAsync()
    {
        while (true)
        {
            var read = await link.Input.ReadAsync(Token).AsTask().WaitAsync(Patience, TimeProvider.System, Token);
            if (Take(read, out var frame))
            {
                return frame;
            }

            if (read.IsCompleted)
            {
                return null;
            }
        }
    }

    /// <summary>All frames that are there already.</summary>
    public IReadOnlyList<(FrameHeader Header, byte[] Payload)> TakeAll()
    {
        var all = new List<(FrameHeader, byte[])>();
        while (link.Input.TryRead(out var read))
        {
            if (!Take(read, out var frame))
            {
                break;
            }

            all.Add(frame);
        }

        return all;
    }

    private bool Take(ReadResult read, out (FrameHeader Header, byte[] Payload) frame)
    {
        var buffer = read.Buffer;
        var isFrame = FrameReader.TryRead(ref buffer, out var next);
        frame = isFrame ? (next.Header, next.Payload.ToArray()) : default;
        if (isFrame)
        {
            link.Input.AdvanceTo(buffer.Start);
        }
        else
        {
            link.Input.AdvanceTo(buffer.Start, buffer.End);
        }

        return isFrame;
    }

    private void Flush() => _ = link.Output.FlushAsync(CancellationToken.None).AsTask(); // The gateway reads on this thread.
}
