using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;

namespace Pollard.Voice.Links;

/// <summary>
/// Frames that wait to be taken, bounded by their number and by their bytes: a frame of an existing service may have ten million. Who adds
/// waits until there is room, and reads nothing more from the network meanwhile.
/// </summary>
/// <param name="mostFrames">Frames that wait.</param>
/// <param name="mostBytes">Bytes of their payloads; one that is larger is taken where it is alone.</param>
internal sealed class WaitingFrames(int mostFrames, int mostBytes) : ChannelReader<LinkFrame>
{
    private readonly Channel<LinkFrame> _frames = Channel.CreateBounded<LinkFrame>(mostFrames);
    private readonly Changing _room = new();
    private long _bytes;
    private volatile bool _isEnded;

    /// <inheritdoc/>
    public override Task Completion => _frames.Reader.Completion;

    /// <inheritdoc/>
    public override bool TryRead([MaybeNullWhen(false)] out LinkFrame item)
    {
        if (!_frames.Reader.TryRead(out item))
        {
            return false;
        }

        Interlocked.Add(ref _bytes, -item.Payload.Length);
        _room.Changed();
        return true;
    }

    /// <inheritdoc/>
    public override ValueTask<bool> WaitToReadAsync(CancellationToken cancellationToken = default) =>
        _frames.Reader.WaitToReadAsync(cancellationToken);

    /// <summary>Adds a frame where there is room for it at once.</summary>
    public bool TryAdd(in LinkFrame frame)
    {
        Interlocked.Add(ref _bytes, frame.Payload.Length);
        if (_frames.Writer.TryWrite(frame))
        {
            return true;
        }

        Interlocked.Add(ref _bytes, -frame.Payload.Length);
        return false;
    }

    /// <summary>Adds a frame as soon as there is room for it. False: nothing is taken any more.</summary>
    public async ValueTask<bool> AddAsync(LinkFrame frame)
    {
        while (true)
        {
            var room = _room.NextAsync();
            if (_isEnded)
            {
                return false;
            }

            var bytes = Interlocked.Read(ref _bytes);
            if ((bytes == 0 || bytes + frame.Payload.Length <= mostBytes) && TryAdd(frame))
            {
                return true;
            }

            await room;
        }
    }

    /// <summary>Nothing more is taken; what waits can still be read.</summary>
    public void End()
    {
        _isEnded = true;
        _frames.Writer.TryComplete();
        _room.Changed();
    }
}
