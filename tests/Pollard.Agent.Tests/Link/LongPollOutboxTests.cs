using System.Buffers;
using Pollard.Agent.Sources.Gateway;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Tests.Link;

/// <summary>How carrier C sorts what goes up.</summary>
public sealed class LongPollOutboxTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_word_passes_the_output_of_others_but_not_its_own()
    {
        var outbox = new LongPollOutbox();
        Add(outbox, FrameType.Accept, 1);
        Add(outbox, FrameType.Delta, 1, 0);
        Add(outbox, FrameType.Finish, 1, 1);
        Add(outbox, FrameType.Accept, 2);

        var first = outbox.TakeWords();
        var uploads = outbox.TakeOutput()!;
        Add(outbox, FrameType.Free, 1);
        var number = await outbox.NextNumberAsync(Token);
        var during = outbox.TakeWords();
        outbox.Uploaded(uploads.Single());
        var after = outbox.TakeWords();

        Assert.Equal(["Accept 1", "Accept 2"], Names(first.Frames));
        Assert.Equal(["Delta 1"], Names(uploads.Single().Frames.Written.ToArray()));
        Assert.Empty(during.Frames);
        Assert.Equal(["Finish 1", "Free 1"], Names(after.Frames));
        Assert.Equal((1, 2, 3), (first.Number, number, after.Number));
    }

    [Fact]
    public async Task Output_waits_until_the_words_before_it_have_their_number()
    {
        var outbox = new LongPollOutbox();
        Add(outbox, FrameType.Accept, 1);
        Add(outbox, FrameType.Delta, 1, 0);

        var number = outbox.NextNumberAsync(Token);
        var waited = !number.IsCompleted;
        var words = outbox.TakeWords();

        Assert.True(waited);
        Assert.True(words.Number < await number);
    }

    [Fact]
    public void After_the_last_output_there_is_none()
    {
        var outbox = new LongPollOutbox();
        Add(outbox, FrameType.Delta, 1, 0);
        outbox.Complete();

        Assert.Single(outbox.TakeOutput()!);
        Assert.True(outbox.HasOutputAsync().IsCompleted);
        Assert.Null(outbox.TakeOutput());
    }

    private static void Add(LongPollOutbox outbox, FrameType type, uint attempt, uint seq = 0) =>
        outbox.Add(new Frame(new FrameHeader(type, 0, 0, attempt, seq, 0), ReadOnlySequence<byte>.Empty));

    private static List<string> Names(byte[] frames)
    {
        var names = new List<string>();
        var rest = new ReadOnlySequence<byte>(frames);
        while (FrameReader.TryRead(ref rest, out var frame))
        {
            names.Add($"{frame.Header.Type} {frame.Header.Attempt}");
        }

        return names;
    }
}
