using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Pollard.Bench.Machine;
using Pollard.Voice.Audio;
using Pollard.Voice.Engines;
using Pollard.Voice.Engines.Pocketsphinx;

namespace Pollard.Bench.Voice;

/// <summary>
/// Test calls of the real program with engines of Debian, a sentence each, by telephone sound in both directions: how much of it is right,
/// and how long callers wait. The model is simulated, and begins after 50 ms.
/// </summary>
internal static class SpokenSuite
{
    private const string Model = "spoken";
    private static readonly TimeSpan LongestSound = TimeSpan.FromMinutes(1);
    private static readonly string[] Voices = ["rms", "awb", "slt", "espeak-ng"]; // All but the last are of flite.

    // Each is asked, and is the answer to the one seven places before it.
    private static readonly string[] Sentences =
    [
        "What time is it?",
        "Cancel my appointment.",
        "I would like to speak to an agent.",
        "Please call me back tomorrow morning.",
        "Where is the nearest office?",
        "My order has not arrived.",
        "Change my address.",
        "How much does it cost?",
        "Turn off the lights in the kitchen.",
        "Book a table for two people.",
        "Repeat that please.",
        "Thank you goodbye.",
        "I forgot my password.",
        "Is the doctor available on Monday?",
        "Send me the invoice by mail.",
        "What is the weather like today?",
        "Transfer five hundred dollars to my savings.",
        "Open the garage door.",
        "I want to return a broken phone.",
        "Can you help me with my bill?",
    ];

    public static async Task<IReadOnlyList<BenchResult>> RunAsync(BenchArguments arguments)
    {
        using var folder = new BenchFolder(arguments.Text("dir"));
        var grammar = Path.Combine(folder.Path, "sentences.jsgf");
        await File.WriteAllTextAsync(
            grammar,
            $"#JSGF V1.0;\ngrammar sentences;\npublic <sentence> = {string.Join(" | ", Sentences.Select(WordsOf))};\n"
        );
        var silence = arguments.Text("end-silence") ?? "500ms";
        await using var scene = await SpokenScene.StartAsync(folder.Path, grammar, Model, AnswerArguments());
        await using var ears = PocketsphinxEngine.Open(
            new PocketsphinxSettings { GrammarFile = grammar },
            TimeProvider.System
        );
        List<BenchResult> results = [];
        foreach (var voice in arguments.Text("voices")?.Split(',') ?? Voices)
        {
            results.Add(await AskAllAsync(scene, ears, voice, silence));
        }

        return results;
    }

    private static async Task<BenchResult> AskAllAsync(
        SpokenScene scene,
        PocketsphinxEngine ears,
        string voice,
        string silence
    )
    {
        var (heardRight, answeredRight) = (0, 0);
        List<long> waits = [];
        await AskAsync(scene, ears, voice, 0, silence); // What runs for the first time is compiled.
        var measured = new Measurement();
        for (var i = 0; i < Sentences.Length; i++)
        {
            var (heard, answered, wait) = await AskAsync(scene, ears, voice, i, silence);
            heardRight += IsRight("heard", Sentences[i], heard) ? 1 : 0;
            answeredRight += IsRight("answered", AnswerTo(i), answered) ? 1 : 0;
            if (wait is { } seconds)
            {
                waits.Add((long)(seconds * Stopwatch.Frequency));
            }
        }

        return measured.End(
            $"{voice} asks, espeak-ng answers, end after {silence}",
            "calls",
            waits,
            string.Create(
                CultureInfo.InvariantCulture,
                $"{heardRight} of {Sentences.Length} heard right, {answeredRight} answers understood"
            )
        );
    }

    private static bool IsRight(string what, string said, string understood)
    {
        if (understood == WordsOf(said))
        {
            return true;
        }

        Console.Error.WriteLine($"{what}: \"{said}\" as \"{understood}\"");
        return false;
    }

    private static async Task<(string Heard, string Answered, double? Wait)> AskAsync(
        SpokenScene scene,
        PocketsphinxEngine ears,
        string voice,
        int sentence,
        string silence
    )
    {
        var question = await SpeakAsync(scene.Folder, voice, Sentences[sentence]);
        var answer = Path.Combine(scene.Folder, "answer.wav");
        var line = scene.Call(question, answer, silence);
        using var json = JsonDocument.Parse(line);
        if (json.RootElement.GetProperty("turns").EnumerateArray().ToList() is not [var turn, ..])
        {
            return ("", "", null);
        }

        var heard = turn.TryGetProperty("heard", out var words) ? words.GetString() ?? "" : "";
        double? wait = turn.TryGetProperty("voice_to_voice", out var took) ? took.GetDouble() : null;
        var (sound, rate) = await ReadAsync(answer);
        var understood = await ears.HearAsync(At(sound, rate, SpeechLimits.Rate), CancellationToken.None);
        return (heard, understood.Text, wait);
    }

    /// <summary>A sentence as a telephone brings it.</summary>
    private static async Task<string> SpeakAsync(string folder, string voice, string sentence)
    {
        var wide = Path.Combine(folder, "wide.wav");
        SystemTool.Must(
            voice == "espeak-ng"
                ? ["espeak-ng", "-v", "en-us", "-w", wide, sentence]
                : ["flite", "-voice", voice, "-t", sentence, "-o", wide]
        );
        var (sound, rate) = await ReadAsync(wide);
        var narrow = Path.Combine(folder, "question.wav");
        await using var file = File.Create(narrow);
        await using var wav = await WavWriter.CreateAsync(
            file,
            SampleEncoding.MuLaw,
            G711.Rate,
            CancellationToken.None
        );
        await wav.WriteAsync(At(sound, rate, G711.Rate), CancellationToken.None);
        return narrow;
    }

    private static async Task<(float[] Sound, int Rate)> ReadAsync(string file)
    {
        await using var stream = File.OpenRead(file);
        var wav = await WavReader.OpenAsync(stream, CancellationToken.None);
        return (await wav.ReadAllAsync(LongestSound, CancellationToken.None), wav.Format.Rate);
    }

    private static float[] At(float[] sound, int from, int to)
    {
        var resampler = new Resampler(from, to);
        var made = new float[resampler.MostOf(sound.Length) + resampler.MostOf(0)];
        var count = resampler.Process(sound, made);
        return made[..(count + resampler.Flush(made.AsSpan(count)))];
    }

    private static IEnumerable<string> AnswerArguments() =>
        Sentences.SelectMany((said, i) => (string[])["--answer", $"{WordsOf(said)}={AnswerTo(i)}"]);

    private static string AnswerTo(int sentence) => Sentences[(sentence + 7) % Sentences.Length];

    private static string WordsOf(string sentence) => sentence.ToLowerInvariant().TrimEnd('.', '?');
}
