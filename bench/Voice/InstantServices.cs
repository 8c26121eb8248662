using System.Runtime.CompilerServices;
using Pollard.Client;
using Pollard.Voice.Engines;
using Pollard.Voice.Stages;

namespace Pollard.Bench.Voice;

/// <summary>Recognises at once: what is left is our own time.</summary>
internal sealed class InstantEars : ISpeechToText
{
    public string Name => "instant";

    public Task<Heard> HearAsync(ReadOnlyMemory<float> utterance, CancellationToken ct) =>
        Task.FromResult(new Heard("what is it now"));
}

/// <summary>Answers at once.</summary>
internal sealed class InstantModel : ICallModel
{
    public Task<string> AskAsync(string call, IReadOnlyList<ChatTurn> talk, CancellationToken ct) =>
        Task.FromResult("asked");

    public async IAsyncEnumerable<ChatUpdate> HearAsync(string asked, [EnumeratorCancellation] CancellationToken ct)
    {
        await Task.Yield();
        yield return new ChatUpdate(ChatUpdateKind.Text, "It is this one.", 0);
    }

    public Task CancelAsync(string asked) => Task.CompletedTask;
}

/// <summary>Speaks a tone at once, faster than it is heard.</summary>
/// <param name="length">How long each sentence is.</param>
internal sealed class InstantVoice(TimeSpan length) : ITextToSpeech
{
    private const int Rate = 22_050;
    private const int PieceSamples = 1_024;
    private static readonly float[] Tone =
    [
        .. Enumerable.Range(0, PieceSamples).Select(static i => 0.2f * MathF.Sin(2 * MathF.PI * i * 19 / PieceSamples)),
    ];

    public string Name => "instant";

    public async Task<Spoken> SayAsync(string sentence, SoundTaker taker, CancellationToken ct)
    {
        for (var left = (int)(length.TotalSeconds * Rate); left > 0; left -= PieceSamples)
        {
            await taker(new Sound(Rate, Tone.AsMemory(0, Math.Min(left, PieceSamples))), ct);
        }

        return new Spoken(length);
    }
}
