using System.CommandLine;
using Microsoft.Extensions.Logging;
using Pollard.Composition;
using Pollard.Configuration;
using Pollard.Voice.Audio;
using Pollard.Voice.Stages;

namespace Pollard.Commands;

/// <summary><c>pollard voice outbound</c>: plays what one caller hears, to a file, a pipe or the net.</summary>
internal static class VoiceOutboundCommand
{
    private static readonly SoundOptions Sound = new(
        "Where it is written, a WAV file. Default: the output, as --pcm says",
        "Where it is brought by TCP, as --pcm says",
        "Where it is sent by RTP, in mulaw or, with --pcm alaw, in alaw",
        "How it is written, 20 ms at a time: s16@8000, f32@8000, mulaw or alaw",
        "s16@8000"
    );

    public static Command Build(Shell shell) =>
        new Command(VoiceRole.Outbound, "Plays what one caller hears, to a file, a pipe or the net")
            .With(Sound.All)
            .With(VoiceLegOptions.Call, VoiceOptions.Tts, VoiceOptions.SecretFile)
            .With(ExistingOptions.All)
            .With(CommonOptions.LogLevel, CommonOptions.LogFormat)
            .WithConfiguration()
            .Does(shell, RunAsync);

    private static async Task<int> RunAsync(CommandContext context, CancellationToken ct)
    {
        var place = Sound.Read(context.Settings);
        if (place.Format.Rate != G711.Rate)
        {
            throw new UsageException(
                $"{Sound.Pcm.Name} has {place.Format.Rate} samples a second; a caller hears {G711.Rate}."
            );
        }

        return await SingleCall.DuringAsync(
            context,
            [VoiceRole.Outbound],
            LogLevel.Information,
            async call =>
            {
                await using var heard = await CallerSound.ToAsync(place, call, ct);
                context.Print.Hint(await call.Edge.ServeAsync(heard.Leg, static _ => { }, ct));
                return ct.IsCancellationRequested ? ExitCode.Interrupted : ExitCode.Ok;
            }
        );
    }
}
