using System.Runtime.InteropServices;
using Pollard.Voice.Audio;

namespace Pollard.Voice.Engines.Pocketsphinx;

/// <summary>A decoder with its model. For one utterance at a time.</summary>
internal sealed class SphinxDecoder : IDisposable
{
    private const string Search = "speech";
    private static readonly Lock Opening = new(); // The table of options is shared, and filled when the first decoder is made.
    private readonly SphinxHandle _handle;

    private SphinxDecoder(SphinxHandle handle) => _handle = handle;

    /// <summary>Makes a decoder: some 20 ms, with the language model more.</summary>
    /// <exception cref="EngineSetupException">There is no library, no model, or what is listened for is not possible.</exception>
    public static SphinxDecoder Open(PocketsphinxSettings settings)
    {
        try
        {
            lock (Opening)
            {
                var decoder = new SphinxDecoder(OpenModel(settings.Model));
                decoder.ListenFor(settings);
                return decoder;
            }
        }
        catch (DllNotFoundException e)
        {
            throw new EngineSetupException(
                $"pocketsphinx is not installed ({e.Message.AsSpan(0, Math.Min(e.Message.Length, 80))}); on Debian: apt-get install pocketsphinx pocketsphinx-en-us"
            );
        }
    }

    /// <summary>Hears a whole utterance: with all of it at hand, how loud and how dull it is needs not be guessed.</summary>
    public Heard Hear(ReadOnlySpan<float> utterance)
    {
        var samples = new short[utterance.Length];
        for (var i = 0; i < samples.Length; i++)
        {
            samples[i] = Samples.ToInt16(utterance[i]);
        }

        if (SphinxNative.Begin(_handle) < 0)
        {
            return Heard.Nothing(EngineFault.Broken, "could not begin");
        }

        // An utterance that was begun is ended in any case, or the next could not begin.
        var read = SphinxNative.Process(_handle, samples, (nuint)samples.Length, withoutSearch: 0, isWhole: 1);
        var ended = SphinxNative.End(_handle);
        if (read < 0 || ended < 0)
        {
            return Heard.Nothing(EngineFault.Broken, "could not decode it");
        }

        var heard = Heard.Words(Marshal.PtrToStringUTF8(SphinxNative.Hypothesis(_handle, out _)) ?? "");
        return heard.Failure is null ? heard with { Confidence = Confidence() } : heard;
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    private double Confidence() =>
        Math.Clamp(SphinxNative.Exp(SphinxNative.LogMath(_handle), SphinxNative.Probability(_handle)), 0, 1);

    private static SphinxHandle OpenModel(string model)
    {
        SphinxNative.LogTo(0); // It would write hundreds of lines to our error stream.
        var language = Path.GetFileName(Path.TrimEndingDirectorySeparator(model));
        var (voices, words) = (Path.Combine(model, language), Path.Combine(model, $"cmudict-{language}.dict"));
        if (!File.Exists(Path.Combine(voices, "mdef")) || !File.Exists(words))
        {
            throw new EngineSetupException(
                $"There is no model of pocketsphinx in {model}; on Debian: apt-get install pocketsphinx-en-us"
            );
        }

        // The first argument is taken for the program's name.
        // Without the least noise it finds no word between two stretches of perfect silence, which voices of programs have.
        string[] arguments = ["pollard", "-hmm", voices, "-dict", words, "-dither", "yes", "-seed", "7"];
        var options = SphinxNative.ParseOptions(0, SphinxNative.Options(), arguments.Length, arguments, strict: 1);
        try
        {
            var handle = SphinxNative.Open(options);
            return handle.IsInvalid
                ? throw new EngineSetupException($"pocketsphinx cannot use the model in {model}.")
                : handle;
        }
        finally
        {
            _ = SphinxNative.FreeOptions(options); // The decoder holds on to them by itself.
        }
    }

    private void ListenFor(PocketsphinxSettings settings)
    {
        int added;
        if (settings.Sentences is { Count: > 0 } sentences)
        {
            CheckWords(sentences);
            added = SphinxNative.AddGrammar(_handle, Search, SphinxGrammar.Of(sentences));
        }
        else if (settings.GrammarFile is { } file)
        {
            added = SphinxNative.AddGrammar(_handle, Search, SphinxGrammar.Read(file));
        }
        else
        {
            var language = Path.GetFileName(Path.TrimEndingDirectorySeparator(settings.Model));
            added = SphinxNative.AddLanguageModel(_handle, Search, Path.Combine(settings.Model, $"{language}.lm.bin"));
        }

        if (added < 0 || SphinxNative.Select(_handle, Search) < 0)
        {
            Dispose();
            throw new EngineSetupException(
                settings.GrammarFile is { } grammar
                    ? $"pocketsphinx cannot use the grammar {grammar}: it is no JSGF, or has words that are not in the dictionary."
                    : $"pocketsphinx cannot use the language model in {settings.Model}."
            );
        }
    }

    private void CheckWords(IEnumerable<string> sentences)
    {
        foreach (var word in sentences.SelectMany(SphinxGrammar.WordsOf).Distinct(StringComparer.Ordinal))
        {
            var sounds = SphinxNative.FindWord(_handle, word);
            if (sounds == 0)
            {
                throw new EngineSetupException($"pocketsphinx does not know the word \"{word}\".");
            }

            SphinxNative.Free(sounds);
        }
    }
}
