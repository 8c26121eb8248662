using System.Globalization;
using System.Text.RegularExpressions;

namespace Pollard.Voice.Engines.Programs;

/// <summary>How espeak-ng speaks.</summary>
internal sealed partial record EspeakNg
{
    /// <summary>A voice, with a variant behind a plus: <c>en-us</c>, <c>de</c>, <c>en-us+f3</c>.</summary>
    public string Voice { get; init; } = "en-us";

    /// <summary>Words a minute, 80 to 450.</summary>
    public int Speed { get; init; } = 165;

    /// <summary>0 to 99.</summary>
    public int Pitch { get; init; } = 50;

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9_+-]{0,63}$", RegexOptions.NonBacktracking)]
    private static partial Regex VoiceName { get; }

    /// <summary>The program that speaks so.</summary>
    /// <exception cref="EngineSetupException">It cannot speak so.</exception>
    public SpeechProgram ToProgram()
    {
        if (!VoiceName.IsMatch(Voice))
        {
            throw new EngineSetupException($"\"{Voice}\" is no voice of espeak-ng; espeak-ng --voices lists them.");
        }

        if (Speed is < 80 or > 450 || Pitch is < 0 or > 99)
        {
            throw new EngineSetupException(
                $"espeak-ng speaks 80 to 450 words a minute with a pitch of 0 to 99, and not {Speed} with {Pitch}."
            );
        }

        string[] arguments =
        [
            "--stdout",
            "--stdin",
            "-b",
            "1",
            "-z",
            "-v",
            Voice,
            "-s",
            Text(Speed),
            "-p",
            Text(Pitch),
        ];
        return new SpeechProgram("espeak-ng", "espeak-ng", arguments, "on Debian: apt-get install espeak-ng")
        {
            Prepare = static sentence => sentence.Replace("[[", "[ [", StringComparison.Ordinal), // Phonemes would follow.
        };
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
