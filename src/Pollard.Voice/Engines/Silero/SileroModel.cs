using Microsoft.ML.OnnxRuntime;
using Pollard.Voice.Audio;

namespace Pollard.Voice.Engines.Silero;

/// <summary>
/// The Silero network, of version 5 or 6, which says how likely a piece of sound is speech. One for all callers, at once too; it runs in
/// the ONNX Runtime of the machine.
/// </summary>
internal sealed class SileroModel : IDisposable
{
    /// <summary>Samples a second of what it hears.</summary>
    public const int Rate = 16_000;

    /// <summary>Samples of a piece, 32 ms.</summary>
    public const int PieceSamples = 512;

    /// <summary>Samples before it that it is shown too.</summary>
    public const int ContextSamples = 64;

    /// <summary>What it remembers of a caller, numbers.</summary>
    public const int StateSize = 2 * 128;

    private static readonly string[] Inputs = ["input", "state", "sr"];
    private static readonly string[] Outputs = ["output", "stateN"];
    private static readonly long[] Rates = [Rate];
    private readonly InferenceSession _session;
    private readonly RunOptions _run = new();

    private SileroModel(InferenceSession session) => _session = session;

    /// <summary>Loads it, and hears a piece, so that what cannot work is known at the start.</summary>
    /// <param name="file">The network, an ONNX file.</param>
    /// <exception cref="EngineSetupException">It cannot; the message says what to do.</exception>
    public static SileroModel Open(string file)
    {
        if (!File.Exists(file))
        {
            throw new EngineSetupException($"There is no file {file}.");
        }

        SileroModel? model = null;
        try
        {
            // A piece takes some 90 µs: threads to share it would cost more.
            using var options = new SessionOptions { IntraOpNumThreads = 1, InterOpNumThreads = 1 };
            model = new SileroModel(new InferenceSession(file, options));
            model.Hear(new float[ContextSamples + PieceSamples], new float[StateSize]);
            return model;
        }
        catch (Exception e)
            when (e is TypeInitializationException or DllNotFoundException or EntryPointNotFoundException)
        {
            throw new EngineSetupException(
                "The ONNX Runtime is not installed, or is older than 1.31: put its libonnxruntime.so where the system finds libraries."
            );
        }
        catch (OnnxRuntimeException e)
        {
            model?.Dispose();
            throw new EngineSetupException($"{file} is no Silero network of version 5 or 6: {e.Message}");
        }
    }

    /// <summary>What tells a caller's speech from other sounds.</summary>
    /// <param name="rate">Samples a second of what is heard.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is not <see cref="Rate"/>.</exception>
    public ISpeechDetector NewDetector(int rate) => new SileroDetector(this, rate);

    /// <summary>How likely a piece is speech, from 0 to 1.</summary>
    /// <param name="sound">The end of the piece before it, and the piece.</param>
    /// <param name="state">What it remembers of this caller; zeros at first.</param>
    public float Hear(float[] sound, float[] state)
    {
        var likely = new float[1];
        var next = new float[StateSize];
        using var input = OrtValue.CreateTensorValueFromMemory(sound, [1, sound.Length]);
        using var before = OrtValue.CreateTensorValueFromMemory(state, [2, 1, StateSize / 2]);
        using var rate = OrtValue.CreateTensorValueFromMemory(Rates, []);
        using var output = OrtValue.CreateTensorValueFromMemory(likely, [1, 1]);
        using var after = OrtValue.CreateTensorValueFromMemory(next, [2, 1, StateSize / 2]);
        _session.Run(_run, Inputs, [input, before, rate], Outputs, [output, after]);
        next.CopyTo(state, 0);
        return likely[0];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _run.Dispose();
        _session.Dispose();
    }
}
