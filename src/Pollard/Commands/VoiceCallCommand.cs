using System.CommandLine;
using Microsoft.Extensions.Logging;
using Pollard.Composition;
using Pollard.Configuration;
using Pollard.Voice.Stages;

namespace Pollard.Commands;

/// <summary><c>pollard voice call</c>: a test call, with a file in place of the caller.</summary>
internal static class VoiceCallCommand
{
    private static readonly TimeSpan UsualWait = TimeSpan.FromSeconds(60);

    private static readonly Argument<string> File = new("file") { Description = "What the caller says, a WAV file" };

    private static readonly Option<string?> Out = CommonOptions.CallText(
        "--out",
        "FILE",
        "Where what the caller hears is written, a WAV file. Default: nowhere"
    );

    private static readonly Option<string?> Wait = CommonOptions.CallText(
        "--wait",
        "DURATION",
        "How long is waited for the services and the answer, behind the end of the file. Default: 1m"
    );

    public static Command Build(Shell shell) =>
        new Command("call", "A test call through the services, with a file in place of the caller") { File }
            .With(Out, VoiceLegOptions.Call, Wait, VoiceOptions.EndSilence, VoiceEngineOptions.Vad)
            .With(VoiceOptions.Stt, VoiceOptions.Tts, VoiceOptions.SecretFile)
            .With(CommonOptions.Json, CommonOptions.LogLevel, CommonOptions.LogFormat)
            .WithConfiguration()
            .Does(shell, RunAsync);

    private static Task<int> RunAsync(CommandContext context, CancellationToken ct)
    {
        var wait = context.Settings.Duration(Wait) ?? UsualWait;
        return SingleCall.DuringAsync(
            context,
            [VoiceRole.Inbound, VoiceRole.Outbound],
            LogLevel.Error,
            async call =>
            {
                await using var caller = await CallerSound.BothAsync(
                    context.Required(File),
                    context.Settings.Text(Out),
                    call,
                    context.Shell.Time,
                    ct
                );
                var test = new VoiceTestCall(caller.Leg, wait, context.Shell.Time, context.Print);
                return await test.RunAsync(call.Edge, caller.Ended, ct);
            }
        );
    }
}
