using System.Threading.Channels;
using Pollard.Voice.Audio;
using Pollard.Voice.Links;

namespace Pollard.Voice.Legs;

/// <summary>Takes what a caller hears, 20 ms of G.711 at a time.</summary>
/// <param name="frame">The codes; the leg's again afterwards.</param>
/// <param name="isSound">Whether there is anything but silence in it.</param>
/// <param name="ct">The call is over.</param>
internal delegate ValueTask FrameTaker(ReadOnlyMemory<byte> frame, bool isSound, CancellationToken ct);

/// <summary>How a caller that is a file or a stream is heard.</summary>
/// <param name="Read">Reads what they say.</param>
/// <param name="Rate">Samples a second of it, from 8,000 to 48,000.</param>
internal sealed record SoundInput(SampleReader Read, int Rate)
{
    /// <summary>Whether it is all there and is to be heard at the pace at which it was spoken. Otherwise it comes at its own.</summary>
    public bool IsPaced { get; init; }

    /// <summary>Whether the caller stays on the line, in silence, when there is no more of it.</summary>
    public bool Stays { get; init; }
}

/// <summary>A caller that is a file, a pipe, or a connection with bare sound.</summary>
/// <param name="call">The call.</param>
/// <param name="caller">What it is, for people.</param>
/// <param name="input">What they say; null: nothing, ever.</param>
/// <param name="output">Takes what they hear; null: nobody does.</param>
/// <param name="law">How that is packed.</param>
/// <param name="clock">The clock of all calls.</param>
internal sealed class SoundLeg(
    CallId call,
    string caller,
    SoundInput? input,
    FrameTaker? output,
    G711Law law,
    FrameClock clock
) : ICallLeg
{
    private const int FramesPerSecond = 50;
    private const int SilentSeconds = 4; // Longer than any silence that ends an utterance.
    private const int MostWaiting = 10 * FramesPerSecond; // A disk, or a peer, may be slow for so long.
    private readonly Channel<(byte[] Codes, bool IsSound)> _frames = Channel.CreateBounded<(byte[], bool)>(MostWaiting);
    private int _lost;

    /// <inheritdoc/>
    public CallId Call => call;

    /// <inheritdoc/>
    public string Caller => caller;

    /// <inheritdoc/>
    public int Rate => input?.Rate ?? G711.Rate;

    /// <inheritdoc/>
    public Playout Playout { get; } = new(new PlayoutOptions { Law = law });

    /// <summary>Frames that were not taken in time, and not heard.</summary>
    public int Lost => Volatile.Read(ref _lost);

    /// <inheritdoc/>
    public async Task<string> RunAsync(ICallerEar ear, CancellationToken ct)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        using var ticking = clock.Add(Playout, Due);
        Task[] all = [TickAsync(ear, over.Token), ListenAsync(ear, over.Token)];
        await Task.WhenAny(all);
        await over.CancelAsync();
        await Task.WhenAll(all).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return all.FirstOrDefault(static task => task.IsFaulted)?.Exception?.GetBaseException() switch
        {
            null when ct.IsCancellationRequested => "this side has ended it",
            null => "there is no more sound",
            IOException e => e.Message, // Whoever hears or speaks there is gone.
            var e => throw new InvalidOperationException("A leg broke.", e),
        };
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void Due(long number, ReadOnlySpan<byte> frame, bool isSound)
    {
        if (!_frames.Writer.TryWrite((frame.ToArray(), isSound)))
        {
            Interlocked.Increment(ref _lost);
        }
    }

    /// <summary>Each 20 ms: hands on what the caller hears, and hears as much of them as there is in that time.</summary>
    private async Task TickAsync(ICallerEar ear, CancellationToken ct)
    {
        var heard = new float[Rate / FramesPerSecond];
        var goesOn = input is { IsPaced: true };
        await foreach (var (codes, isSound) in _frames.Reader.ReadAllAsync(ct))
        {
            if (output is not null)
            {
                await output(codes, isSound, ct);
            }

            if (input is { IsPaced: true })
            {
                goesOn = goesOn && await ReadFrameAsync(heard, ct);
                if (!goesOn && !input.Stays)
                {
                    return;
                }

                ear.Hear(heard);
            }
        }
    }

    /// <summary>Fills a frame, with silence where there is no more. False: there is none.</summary>
    private async ValueTask<bool> ReadFrameAsync(Memory<float> frame, CancellationToken ct)
    {
        var count = 0;
        while (count < frame.Length && await input!.Read(frame[count..], ct) is > 0 and var read)
        {
            count += read;
        }

        frame.Span[count..].Clear();
        return count > 0;
    }

    /// <summary>Hears sound that comes at its own pace.</summary>
    private async Task ListenAsync(ICallerEar ear, CancellationToken ct)
    {
        if (input is { IsPaced: false })
        {
            var heard = new float[Rate / FramesPerSecond];
            while (await input.Read(heard, ct) is > 0 and var count)
            {
                ear.Hear(heard.AsSpan(0, count));
            }

            if (!input.Stays)
            {
                return;
            }

            ear.Hear(new float[Rate * SilentSeconds]); // What was begun is over.
        }

        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ct);
    }
}
