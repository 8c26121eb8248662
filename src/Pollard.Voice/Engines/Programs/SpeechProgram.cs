namespace Pollard.Voice.Engines.Programs;

/// <summary>A program that reads a sentence from its input and writes a WAV file to its output, as it makes it.</summary>
/// <param name="Name">What it is called in logs and metrics.</param>
/// <param name="File">Its file, looked for in the path.</param>
/// <param name="Arguments">Its arguments. The sentence is none of them: it is the caller's, and could be an option.</param>
/// <param name="Install">What to do when it is not there.</param>
internal sealed record SpeechProgram(string Name, string File, IReadOnlyList<string> Arguments, string Install)
{
    /// <summary>How many may run at once; the others wait.</summary>
    public int MostAtOnce { get; init; } = 16;

    /// <summary>How long it is waited for.</summary>
    public EnginePatience Patience { get; init; } = EnginePatience.Sentence;

    /// <summary>Makes of a sentence what the program reads as plain text.</summary>
    public Func<string, string> Prepare { get; init; } = static sentence => sentence;
}
