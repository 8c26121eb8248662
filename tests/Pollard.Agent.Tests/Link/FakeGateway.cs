using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Pollard.Agent.Backends;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Tests.Link;

/// <summary>The gateway as the test plays it, for a real agent in the same process with a clock that the test turns.</summary>
internal sealed class FakeGateway : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private readonly Channel<GatewayEnd> _sessions = Channel.CreateBounded<GatewayEnd>(100);
    private readonly CancellationTokenSource _stop = new();

    public FakeGateway(IBackend backend, Func<AgentOptions, AgentOptions>? with = null, ILoggerFactory? loggers = null)
    {
        var options = new AgentOptions
        {
            Connect = Connect,
            Slots = 2,
            Time = Clock,
            Random = new Random(1),
            DrainWithin = TimeSpan.Zero,
        };

        // Apart from the test: an agent that stands still must not stop the test.
        Exit = Task.Run(() =>
            new AgentHost(with?.Invoke(options) ?? options, [backend], loggers ?? NullLoggerFactory.Instance).RunAsync(
                _stop.Token
            )
        );
    }

    public FakeTimeProvider Clock { get; } = new();

    public Task<AgentExit> Exit { get; }

    public bool HasSession => _sessions.Reader.Count > 0;

    /// <summary>The next session, after its hello.</summary>
    public async Task<GatewayEnd> NextAsync()
    {
        var session = await _sessions
            .Reader.ReadAsync(TestContext.Current.CancellationToken)
            .AsTask()
            .WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);
        var (_, hello) = await session.UntilAsync(FrameType.Hello);
        session.Hello = LinkJson.Read(hello, ProtocolJson.Default.Hello);
        return session;
    }

    /// <summary>The next session, answered and proven.</summary>
    public async Task<GatewayEnd> OpenAsync(Func<Messages.HelloOk, Messages.HelloOk>? with = null)
    {
        var session = await NextAsync();
        session.Answer(with);
        await session.UntilAsync(FrameType.Pong);
        return session;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        for (var i = 0; i < 1000 && !Exit.IsCompleted; i++)
        {
            Clock.Advance(TimeSpan.FromSeconds(1)); // Its goodbyes have deadlines.
            await Task.WhenAny(
                Exit,
                Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, CancellationToken.None)
            );
        }

        _stop.Dispose();
    }

    private IDuplexPipe Connect()
    {
        var (gateway, agent) = MemoryLink.Create();
        Assert.True(_sessions.Writer.TryWrite(new GatewayEnd(gateway)));
        return agent;
    }
}

/// <summary>The gateway's end of one session.</summary>
internal sealed class GatewayEnd(IDuplexPipe link)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    public Messages.Hello Hello { get; set; } = null!;

    public void Answer(Func<Messages.HelloOk, Messages.HelloOk>? with = null)
    {
        var answer = new Messages.HelloOk
        {
            Protocol = LinkLimits.ProtocolVersion,
            SessionEpoch = 1,
            Session = "s",
            HeartbeatSeconds = 5,
            SilenceSeconds = 12,
            CreditBytes = LinkLimits.CreditWindowBytes,
            Resumed = [],
        };
        FrameWriter.Write(
            link.Output,
            FrameType.HelloOk,
            0,
            with?.Invoke(answer) ?? answer,
            ProtocolJson.Default.HelloOk
        );
        Say(FrameType.Ping);
    }

    public void Offer(uint handle, bool stream = true, string kind = "chat", string model = "m")
    {
        OfferPayload.Write(
            link.Output,
            handle,
            new Messages.Offer
            {
                Attempt = $"token {handle}",
                Task = $"task_{handle}",
                Kind = kind,
                Model = model,
                Stream = stream,
            },
            "{}"u8.ToArray()
        );
        Flush();
    }

    public void Say(FrameType type, string payload = "", uint handle = 0, uint sequence = 0) =>
        Say(type, Encoding.UTF8.GetBytes(payload), handle, sequence);

    public void Say(FrameType type, byte[] payload, uint handle = 0, uint sequence = 0, byte flags = 0)
    {
        FrameWriter.Write(link.Output, type, handle, payload, sequence, flags);
        Flush();
    }

    /// <summary>Bytes that need not be frames.</summary>
    public void Say(byte[] bytes)
    {
        link.Output.Write(bytes);
        Flush();
    }

    /// <summary>It takes nothing any more, and can still say something.</summary>
    public void StopReading() => link.Input.Complete();

    /// <summary>The wire is cut.</summary>
    public void Cut()
    {
        link.Output.Complete(new IOException("cut"));
        link.Input.Complete();
    }

    /// <summary>The next frame of this kind; others are passed over.</summary>
    public async Task<(FrameHeader Header, byte[] Payload)> UntilAsync(FrameType type)
    {
        while (true)
        {
            if (await NextAsync() is not { } frame)
            {
                throw new InvalidOperationException($"The link ended before a {type} frame came.");
            }

            if (frame.Header.Type == type)
            {
                return frame;
            }
        }
    }

    /// <summary>The next frame; null at the end of the link.</summary>
    public async Task<(FrameHeader Header, byte[] Payload)?> NextAsync()
    {
        while (true)
        {
            var read = await link
                .Input.ReadAsync(TestContext.Current.CancellationToken)
                .AsTask()
                .WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);
            var buffer = read.Buffer;
            if (FrameReader.TryRead(ref buffer, out var frame))
            {
                var result = (frame.Header, frame.Payload.ToArray());
                link.Input.AdvanceTo(buffer.Start);
                return result;
            }

            if (read.IsCompleted)
            {
                link.Input.AdvanceTo(buffer.End);
                return null;
            }

            link.Input.AdvanceTo(buffer.Start, buffer.End);
        }
    }

    private void Flush() => _ = link.Output.FlushAsync(CancellationToken.None).AsTask(); // What waits here, waits for the agent.
}
