using Pollard.Voice.Links;

namespace Pollard.Voice.Tests.Links;

/// <summary>What waits to be taken has bounds, and who adds to it waits.</summary>
public sealed class WaitingFramesTests
{
    private readonly WaitingFrames _frames = new(mostFrames: 3, mostBytes: 100);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Who_adds_waits_while_the_bytes_are_too_many_and_the_order_stays()
    {
        Assert.True(await _frames.AddAsync(Sound(60)));
        Assert.True(await _frames.AddAsync(Sound(40)));
        var third = _frames.AddAsync(Sound(50)).AsTask();
        Assert.False(third.IsCompleted);

        Assert.Equal(60, (await _frames.ReadAsync(Token)).Payload.Length);
        Assert.True(await third.WaitAsync(Token));
        Assert.Equal(40, (await _frames.ReadAsync(Token)).Payload.Length);
        Assert.Equal(50, (await _frames.ReadAsync(Token)).Payload.Length);
    }

    [Fact]
    public async Task Who_adds_waits_while_the_frames_are_too_many()
    {
        for (var i = 0; i < 3; i++)
        {
            Assert.True(await _frames.AddAsync(Sound(0)));
        }

        Assert.False(_frames.TryAdd(Sound(0)));
        var fourth = _frames.AddAsync(Sound(0)).AsTask();
        Assert.False(fourth.IsCompleted);
        await _frames.ReadAsync(Token);
        Assert.True(await fourth.WaitAsync(Token));
    }

    [Fact]
    public async Task One_that_is_larger_than_the_bound_is_taken_alone()
    {
        Assert.True(await _frames.AddAsync(Sound(1_000)));
        var next = _frames.AddAsync(Sound(4)).AsTask();
        Assert.False(next.IsCompleted);
        await _frames.ReadAsync(Token);
        Assert.True(await next.WaitAsync(Token));
    }

    [Fact]
    public async Task Who_waits_to_add_is_told_the_end_and_what_waits_is_still_read()
    {
        Assert.True(await _frames.AddAsync(Sound(100)));
        var late = _frames.AddAsync(Sound(4)).AsTask();
        _frames.End();

        Assert.False(await late.WaitAsync(Token));
        Assert.False(await _frames.AddAsync(Sound(0)));
        Assert.Equal(100, (await _frames.ReadAsync(Token)).Payload.Length);
        Assert.False(await _frames.WaitToReadAsync(Token));
        await _frames.Completion.WaitAsync(Token);
    }

    private static LinkFrame Sound(int bytes) => new(FrameKind.Audio, new byte[bytes]);
}
