using System.CommandLine;
using System.Security.Cryptography;
using Pollard.Voice.Audio;
using Pollard.Voice.Legs;
using Pollard.Voice.Links;

namespace Pollard.Configuration;

/// <summary>Callers that are files and pipes.</summary>
internal static class VoiceLegOptions
{
    public static readonly Option<string?> Call = CommonOptions.CallText(
        "--call",
        "ID",
        "The call's id, the same for all its services. Default: a new one"
    );

    /// <summary>The call.</summary>
    /// <exception cref="UsageException">It is no id.</exception>
    public static CallId CallOf(Settings settings)
    {
        var id = settings.Text(Call) ?? "test-" + RandomNumberGenerator.GetHexString(8, lowercase: true);
        return CallId.TryParse(id, out var call)
            ? call
            : throw new UsageException(
                $"{Call.Name} is \"{id}\"; write up to {CallId.MostCharacters} printable characters without blanks."
            );
    }

    /// <summary>A file to be read.</summary>
    /// <exception cref="UsageException">It cannot be.</exception>
    public static FileStream OpenRead(string path)
    {
        try
        {
            return File.OpenRead(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>A file to be written.</summary>
    /// <exception cref="UsageException">It cannot be.</exception>
    public static FileStream Create(string path)
    {
        try
        {
            return File.Create(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{path} cannot be written: {e.Message}", e);
        }
    }

    /// <summary>A WAV file that is heard at its own pace.</summary>
    /// <exception cref="UsageException">It is none, or has a rate that is not heard.</exception>
    public static async Task<SoundInput> WavInputAsync(Stream stream, string path, CancellationToken ct)
    {
        try
        {
            var wav = await WavReader.OpenAsync(stream, ct);
            return wav.Format.Rate is >= ResampleFilter.LeastRate and <= ResampleFilter.MostRate
                ? new SoundInput(wav.ReadAsync, wav.Format.Rate) { IsPaced = true }
                : throw new UsageException(
                    $"{path} has {wav.Format.Rate} samples a second; there may be {ResampleFilter.LeastRate} to {ResampleFilter.MostRate}."
                );
        }
        catch (WavException e)
        {
            throw new UsageException($"{path} is no WAV file that can be read: {e.Message}", e);
        }
    }
}
