using System.IO.Pipelines;
using Pollard.Voice.Audio;

namespace Pollard.Voice.Tests.Audio;

/// <summary>Bare samples that come in pieces of any size.</summary>
public sealed class RawReaderTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(2_047)]
    [InlineData(2_049)]
    public async Task Every_sample_comes_once_however_it_is_cut(int pieceBytes)
    {
        var sent = Enumerable.Range(0, 5_000).Select(static i => Samples.FromInt16((short)(i * 7))).ToArray();
        var bytes = new byte[sent.Length * sizeof(short) + 1]; // And half a sample at the end.
        Samples.Encode(SampleEncoding.Pcm16, sent, bytes);
        var pipe = new Pipe();
        await using var stream = pipe.Reader.AsStream();
        var reader = new RawReader(stream, SampleEncoding.Pcm16);
        List<float> came = [];
        var buffer = new float[1_024];

        var sentBytes = 0;
        foreach (var piece in bytes.Chunk(pieceBytes))
        {
            await pipe.Writer.WriteAsync(piece, Token);
            sentBytes += piece.Length;
            while (came.Count < sentBytes / sizeof(short))
            {
                var count = await reader.ReadAsync(buffer, Token);
                came.AddRange(buffer.AsSpan(0, count));
            }
        }

        await pipe.Writer.CompleteAsync();
        Assert.Equal(0, await reader.ReadAsync(buffer, Token));
        Assert.Equal(sent, came);
    }
}
