using System.Buffers.Binary;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Voice.Links;
using Pollard.Voice.Links.Existing;

namespace Pollard.Voice.Tests.Links.Existing;

/// <summary>Our end of wires of existing services, whose other end a test speaks by bare sockets, as the contract describes them.</summary>
public abstract class WireTest : IAsyncDisposable
{
    private readonly CancellationTokenSource _over = new();
    private readonly List<Task> _running = [];
    private readonly List<IDisposable> _ours = [];

    private readonly int _base = PortBlock.Next();

    /// <summary>A call that is known by its number, of which the ports are those below.</summary>
    private protected static CallId Call { get; } = CallId.Parse("4");

    private protected static CancellationToken Token => TestContext.Current.CancellationToken;

    private protected int InboundPort => _base + 4;

    private protected int OutboundPort => _base + 5; // As existing services have it.

    private protected int RegisterPort => _base + 4;

    private protected ExistingSetup Setup =>
        field ??= new ExistingSetup
        {
            Ports = new CallPorts(_base, _base + 1),
            RegisterBase = _base,
            Schedule = new RegisterSchedule
            {
                FastWait = TimeSpan.FromMilliseconds(50),
                SlowWait = TimeSpan.FromMilliseconds(50),
            },
            Link = new LinkSetup
            {
                Retry = new ConnectRetry
                {
                    ShortWait = TimeSpan.FromMilliseconds(50),
                    LongWait = TimeSpan.FromMilliseconds(50),
                    MostWait = TimeSpan.FromMilliseconds(50),
                },
            },
        };

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await Task.WhenAll(_running).WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, CancellationToken.None);
        _ours.ForEach(static one => one.Dispose());
        _over.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected ExistingWires Wires(Func<ExistingSetup, ExistingSetup>? with = null) =>
        new(with?.Invoke(Setup) ?? Setup, NullLogger.Instance);

    private protected T Run<T>(T target)
        where T : ICallTarget
    {
        _running.Add(target.RunAsync(_over.Token));
        return target;
    }

    private protected T Serve<T>(T source)
        where T : ICallSource, IDisposable
    {
        _running.Add(source.RunAsync(_over.Token));
        _ours.Add(source);
        return source;
    }

    /// <summary>Serves the calls of a source by a stage.</summary>
    private protected T Serve<T>(T source, Func<ICallLink, CancellationToken, Task> stage)
        where T : ICallSource, IDisposable
    {
        var reception = new CallReception([source], stage, TimeProvider.System, NullLogger.Instance);
        _running.Add(reception.RunAsync(_over.Token));
        _ours.Add(source);
        return source;
    }

    private protected static IPEndPoint Here(int port) => new(IPAddress.Loopback, port);

    private protected static LinkFrame Text(string text, uint turn = 0, uint sentence = 0) =>
        new(FrameKind.Text, Encoding.UTF8.GetBytes(text), Mark: new SpeechMark(turn, 0, sentence));

    private protected static LinkFrame Audio(ReadOnlySpan<float> samples, int rate, SpeechMark mark, uint chunk) =>
        new(FrameKind.Audio, MemoryMarshal.AsBytes(samples).ToArray(), rate, chunk, mark);

    private protected static LinkFrame Sign(FrameKind kind, SpeechMark mark = default) => new(kind, Mark: mark);

    private protected static string TextOf(LinkFrame frame) => Encoding.UTF8.GetString(frame.Payload.Span);

    private protected static float[] SoundOf(LinkFrame frame) =>
        MemoryMarshal.Cast<byte, float>(frame.Payload.Span).ToArray();

    private protected static byte[] BytesOf(params ReadOnlySpan<float> samples) =>
        MemoryMarshal.AsBytes(samples).ToArray();

    private protected static byte[] NumberOf(uint number)
    {
        var bytes = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, number);
        return bytes;
    }

    private protected static byte[] FrameOf(ReadOnlySpan<byte> payload) =>
        [.. NumberOf((uint)payload.Length), .. payload];

    private protected static byte[] FrameOf(string text) => FrameOf(Encoding.UTF8.GetBytes(text));

    private protected static byte[] SpokenOf(int rate, uint chunk, ReadOnlySpan<byte> payload) =>
        [.. NumberOf((uint)payload.Length), .. NumberOf((uint)rate), .. NumberOf(chunk), .. payload];

    /// <summary>The next frame but the word that what follows is all that there is.</summary>
    private protected static async Task<LinkFrame> NextAsync(ICallLink link)
    {
        while (true)
        {
            var frame = await link
                .Incoming.ReadAsync(Token)
                .AsTask()
                .WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, Token);
            if (frame.Kind != FrameKind.End || frame.Mark != default)
            {
                return frame;
            }
        }
    }

    /// <summary>The next call that a source brings.</summary>
    private protected static async Task<ICallLink> NextAsync(ICallSource source) =>
        await source.Came.ReadAsync(Token).AsTask().WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, Token);

    /// <summary>Hears a link to its end, and nothing on it.</summary>
    private protected static async Task EndAsync(ICallLink link) =>
        Assert.False(
            await link
                .Incoming.WaitToReadAsync(Token)
                .AsTask()
                .WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, Token)
        );
}
