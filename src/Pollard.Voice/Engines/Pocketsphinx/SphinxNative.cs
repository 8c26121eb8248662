using System.Runtime.InteropServices;

namespace Pollard.Voice.Engines.Pocketsphinx;

/// <summary>What is called of pocketsphinx 5prealpha, as Debian has it.</summary>
internal static partial class SphinxNative
{
    private const string Sphinx = "libpocketsphinx.so.3";
    private const string Base = "libsphinxbase.so.3";

    [LibraryImport(Sphinx, EntryPoint = "ps_args")]
    public static partial nint Options();

    [LibraryImport(Base, EntryPoint = "cmd_ln_parse_r", StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint ParseOptions(nint inOut, nint options, int count, string[] arguments, int strict);

    [LibraryImport(Base, EntryPoint = "cmd_ln_free_r")]
    public static partial int FreeOptions(nint parsed);

    [LibraryImport(Base, EntryPoint = "err_set_logfp")]
    public static partial void LogTo(nint file);

    [LibraryImport(Base, EntryPoint = "ckd_free")]
    public static partial void Free(nint memory);

    [LibraryImport(Base, EntryPoint = "logmath_exp")]
    public static partial double Exp(nint logmath, int logarithm);

    [LibraryImport(Sphinx, EntryPoint = "ps_init")]
    public static partial SphinxHandle Open(nint options);

    [LibraryImport(Sphinx, EntryPoint = "ps_free")]
    public static partial int Close(nint decoder);

    [LibraryImport(Sphinx, EntryPoint = "ps_lookup_word", StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint FindWord(SphinxHandle decoder, string word);

    [LibraryImport(Sphinx, EntryPoint = "ps_set_jsgf_string", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int AddGrammar(SphinxHandle decoder, string name, string grammar);

    [LibraryImport(Sphinx, EntryPoint = "ps_set_lm_file", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int AddLanguageModel(SphinxHandle decoder, string name, string path);

    [LibraryImport(Sphinx, EntryPoint = "ps_set_search", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Select(SphinxHandle decoder, string name);

    [LibraryImport(Sphinx, EntryPoint = "ps_start_utt")]
    public static partial int Begin(SphinxHandle decoder);

    [LibraryImport(Sphinx, EntryPoint = "ps_process_raw")]
    public static partial int Process(
        SphinxHandle decoder,
        ReadOnlySpan<short> samples,
        nuint count,
        int withoutSearch,
        int isWhole
    );

    [LibraryImport(Sphinx, EntryPoint = "ps_end_utt")]
    public static partial int End(SphinxHandle decoder);

    [LibraryImport(Sphinx, EntryPoint = "ps_get_hyp")]
    public static partial nint Hypothesis(SphinxHandle decoder, out int score);

    [LibraryImport(Sphinx, EntryPoint = "ps_get_prob")]
    public static partial int Probability(SphinxHandle decoder);

    [LibraryImport(Sphinx, EntryPoint = "ps_get_logmath")]
    public static partial nint LogMath(SphinxHandle decoder);
}

/// <summary>A decoder's memory.</summary>
internal sealed class SphinxHandle() : SafeHandle(0, ownsHandle: true)
{
    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => SphinxNative.Close(handle) >= 0;
}
