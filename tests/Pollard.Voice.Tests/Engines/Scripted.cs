using Pollard.Voice.Engines;

namespace Pollard.Voice.Tests.Engines;

/// <summary>An engine that does what a test says.</summary>
internal sealed class Scripted(string name) : ISpeechToText, ITextToSpeech
{
    /// <summary>What it answers; null: what it should.</summary>
    public EngineFault? Fault { get; set; }

    /// <summary>How many parts of sound it says before it fails.</summary>
    public int PartsBefore { get; set; }

    /// <summary>How often it was asked.</summary>
    public int Asked { get; private set; }

    /// <summary>Ends when it may answer.</summary>
    public Task May { get; set; } = Task.CompletedTask;

    public string Name => name;

    public async Task<Heard> HearAsync(ReadOnlyMemory<float> utterance, CancellationToken ct)
    {
        Asked++;
        await May.WaitAsync(ct);
        return Fault is { } fault ? Heard.Nothing(fault, "was told so") : new Heard(name);
    }

    public async Task<Spoken> SayAsync(string sentence, SoundTaker taker, CancellationToken ct)
    {
        Asked++;
        await May.WaitAsync(ct);
        var parts = Fault is null ? 3 : PartsBefore;
        for (var i = 0; i < parts; i++)
        {
            await taker(new Sound(8_000, new float[80]), ct);
        }

        return new Spoken(
            TimeSpan.FromMilliseconds(10 * parts),
            Fault is { } fault ? new EngineFailure(fault, "was told so") : null
        );
    }
}
