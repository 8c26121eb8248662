using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using Pollard.Voice.Audio;

namespace Pollard.Voice.Engines.Programs;

/// <summary>Says sentences with a program, a process for each.</summary>
internal sealed class ProgramSpeech(SpeechProgram program, TimeProvider time) : ITextToSpeech, IDisposable
{
    private const int MostSaidBytes = 300;
    private readonly SemaphoreSlim _places = new(program.MostAtOnce);

    /// <inheritdoc/>
    public string Name => program.Name;

    /// <inheritdoc/>
    public async Task<Spoken> SayAsync(string sentence, SoundTaker taker, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        if (SpeechLimits.Refuse(sentence) is { } refused)
        {
            return refused;
        }

        using var wait = new EngineWait(program.Patience, time, ct);
        var pump = new SoundPump(taker, wait, ct);
        try
        {
            await _places.WaitAsync(wait.Token);
            try
            {
                return await RunAsync(program.Prepare(sentence), pump, wait);
            }
            finally
            {
                _places.Release();
            }
        }
        catch (OperationCanceledException) when (wait.IsLate)
        {
            return pump.Failed(wait.Failure());
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _places.Dispose();

    private async Task<Spoken> RunAsync(string text, SoundPump pump, EngineWait wait)
    {
        using var process = new Process { StartInfo = StartInfo() };
        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            return Spoken.Nothing(
                EngineFault.Unreachable,
                $"could not be started ({program.File}: {e.Message}); {program.Install}"
            );
        }

        try
        {
            WriteText(process, text);
            var spoken = await PlayAsync(process, pump, wait);
            if (spoken.Failure is { Fault: EngineFault.TooLarge })
            {
                return spoken;
            }

            await process.WaitForExitAsync(wait.Token);
            return process.ExitCode == 0 ? spoken : spoken with { Failure = await FailureAsync(process, wait.Token) };
        }
        finally
        {
            Kill(process);
            await process.WaitForExitAsync(CancellationToken.None); // It was killed; what is not waited for stays a zombie.
        }
    }

    private static async Task<Spoken> PlayAsync(Process process, SoundPump pump, EngineWait wait)
    {
        try
        {
            var wav = await WavReader.OpenAsync(process.StandardOutput.BaseStream, wait.Token);
            return await pump.RunAsync(wav.ReadAsync, wav.Format.Rate);
        }
        catch (Exception e) when (e is WavException or IOException)
        {
            return pump.Failed(EngineFault.Garbled, $"did not write a WAV file: {e.Message}");
        }
    }

    private ProcessStartInfo StartInfo() =>
        new(program.File, program.Arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };

    // The longest sentence is smaller than a pipe, so that this never waits for the program.
    private static void WriteText(Process process, string text)
    {
        try
        {
            using var input = process.StandardInput.BaseStream;
            input.Write(Encoding.UTF8.GetBytes(text + "\n"));
        }
        catch (IOException)
        {
            // It has ended without reading; its exit code says why.
        }
    }

    private static async Task<EngineFailure> FailureAsync(Process process, CancellationToken ct)
    {
        var bytes = new byte[MostSaidBytes];
        var count = await process.StandardError.BaseStream.ReadAtLeastAsync(bytes, bytes.Length, false, ct);
        var said = Encoding.UTF8.GetString(bytes, 0, count).Trim();
        return new EngineFailure(
            EngineFault.Broken,
            said.Length > 0
                ? $"ended with exit code {process.ExitCode}: {said}"
                : $"ended with exit code {process.ExitCode}"
        );
    }

    private static void Kill(Process process)
    {
        try
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true); // What it has started holds its output open.
            }
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception or AggregateException)
        {
            // It has ended by itself.
        }
    }
}
