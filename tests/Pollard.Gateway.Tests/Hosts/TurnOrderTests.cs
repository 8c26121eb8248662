using System.Buffers;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using Pollard.Gateway.Hosts;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>Bodies of carrier C come by several connections: they are taken in their order, each once.</summary>
public sealed class TurnOrderTests : IAsyncDisposable
{
    private readonly FakeTimeProvider _clock = new();
    private LinkGateway _gateway = null!;
    private TurnSession _session = null!;
    private TaskHandle _task = null!;
    private uint _handle;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Output_that_comes_out_of_order_is_put_in_order()
    {
        await BeginAsync();

        var third = _session.HandInAsync([.. Delta(1, "b"), .. Finish(2)], 3, Token);
        Assert.False(third.IsCompleted);
        var second = _session.HandInAsync(Delta(0, "a"), 2, Token);

        Assert.True(await second);
        Assert.True(await third);
        Assert.Equal("ab", await LinkGateway.ResultAsync(_task));
    }

    [Fact]
    public async Task A_body_that_comes_twice_is_taken_once()
    {
        await BeginAsync();

        Assert.True(await _session.HandInAsync(Delta(0, "a"), 2, Token));
        Assert.False(await _session.HandInAsync(Delta(0, "a"), 2, Token));
        Assert.False(await _session.HandInAsync(Delta(0, "a"), 0, Token));
        Assert.True(await _session.HandInAsync(Finish(1), 3, Token));

        Assert.Equal("a", await LinkGateway.ResultAsync(_task));
    }

    [Fact]
    public async Task A_range_that_comes_twice_is_not_doubled()
    {
        await BeginAsync();

        Assert.True(await _session.HandInAsync([.. Delta(0, "a"), .. Delta(1, "b")], 2, Token));
        Assert.True(await _session.HandInAsync([.. Delta(0, "a"), .. Delta(1, "b"), .. Delta(2, "c")], 3, Token));
        Assert.True(await _session.HandInAsync(Finish(3), 4, Token));

        Assert.Equal("abc", await LinkGateway.ResultAsync(_task));
    }

    [Fact]
    public async Task A_body_before_which_one_is_missing_waits_ten_seconds()
    {
        await BeginAsync();

        var early = _session.HandInAsync(Delta(1, "b"), 3, Token);
        _clock.Advance(TimeSpan.FromSeconds(9));
        Assert.False(early.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(2));

        Assert.False(await early);
    }

    [Fact]
    public async Task Output_before_which_some_is_missing_ends_the_session_with_a_reason()
    {
        await BeginAsync();

        await _session.HandInAsync(Delta(1, "b"), 2, Token);
        await _session.Running;

        Assert.Null(_session.Session.Describe(77));
        Assert.Empty(_gateway.Engine.Hosts.List());
    }

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        _session.Dispose();
    }

    private async Task BeginAsync()
    {
        _gateway = await LinkGateway.StartAsync(time: _clock);
        _session = new TurnSession(_gateway.Server, new LinkPeer("turns", "turns", LinkCarrier.Turn));
        var hello = Encoding.UTF8.GetBytes(RawLink.Hello);
        Assert.True(await _session.HandInAsync(Frame(FrameType.Hello, 0, 0, hello), 0, Token));
        await _gateway.UntilHostsAsync(1);
        _task = await _gateway.SubmitAsync();
        while (_handle == 0)
        {
            var answer = (await _session.HoldAsync(TimeSpan.FromSeconds(20), null, Token))!.Value;
            var rest = new ReadOnlySequence<byte>(answer.Frames);
            while (FrameReader.TryRead(ref rest, out var frame))
            {
                _handle = frame.Header.Type == FrameType.Offer ? frame.Header.Attempt : _handle;
            }
        }

        Assert.True(await _session.HandInAsync(Frame(FrameType.Accept, _handle, 0, []), 1, Token));
    }

    private byte[] Delta(uint sequence, string text) =>
        Frame(FrameType.Delta, _handle, sequence, Encoding.UTF8.GetBytes(text));

    private byte[] Finish(uint sequence) => Frame(FrameType.Finish, _handle, sequence, "{}"u8.ToArray());

    private static byte[] Frame(FrameType type, uint handle, uint sequence, byte[] payload)
    {
        var frame = new ArrayBufferWriter<byte>();
        FrameWriter.Write(frame, type, handle, payload, sequence);
        return frame.WrittenSpan.ToArray();
    }
}
