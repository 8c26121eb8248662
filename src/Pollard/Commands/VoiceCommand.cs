using System.CommandLine;
using Microsoft.Extensions.Logging;
using Pollard.Composition;
using Pollard.Configuration;
using Pollard.Voice.Stages;

namespace Pollard.Commands;

/// <summary><c>pollard voice</c>: the services of phone calls, each by itself or all in one process.</summary>
internal static class VoiceCommand
{
    private static readonly (string Role, string About, Option[] Places, Option[] Options)[] Services =
    [
        (
            VoiceRole.Stt,
            "Recognises what callers say",
            [VoiceOptions.Stt, VoiceOptions.Llm],
            [
                VoiceEngineOptions.SttEngine,
                VoiceEngineOptions.SttModel,
                VoiceEngineOptions.SttKeyFile,
                VoiceEngineOptions.Language,
            ]
        ),
        (
            VoiceRole.Llm,
            "Answers callers, with the gateway's models",
            [VoiceOptions.Llm, VoiceOptions.Tts],
            VoiceOptions.Answers
        ),
        (
            VoiceRole.Tts,
            "Speaks the answers",
            [VoiceOptions.Tts],
            [
                VoiceEngineOptions.TtsEngine,
                VoiceEngineOptions.TtsModel,
                VoiceEngineOptions.TtsKeyFile,
                VoiceEngineOptions.VoiceName,
            ]
        ),
    ];

    public static Command Build(Shell shell)
    {
        var voice = new Command("voice", "Phone calls: their services, in any order, on one machine or several");
        Option[] all =
        [
            .. Services.SelectMany(static one => one.Options),
            VoiceOptions.EndSilence,
            VoiceEngineOptions.Vad,
            .. PhoneOptions.All,
        ];
        voice.Subcommands.Add(
            Service("all", "All services in one process", VoiceOptions.Places, all)
                .Does(
                    shell,
                    (context, ct) =>
                        RunAsync(
                            context,
                            [VoiceRole.Inbound, VoiceRole.Stt, VoiceRole.Llm, VoiceRole.Tts, VoiceRole.Outbound],
                            ct
                        )
                )
        );
        foreach (var (role, about, places, options) in Services)
        {
            voice.Subcommands.Add(
                Service(role, about, places, options).Does(shell, (context, ct) => RunAsync(context, [role], ct))
            );
        }

        voice.Subcommands.Add(
            Service(
                    "phone",
                    "Takes the calls of phones: both ends of a call, inbound and outbound",
                    [VoiceOptions.Stt, VoiceOptions.Tts],
                    [.. PhoneOptions.All, VoiceOptions.EndSilence, VoiceEngineOptions.Vad]
                )
                .Does(shell, (context, ct) => RunAsync(context, [VoiceRole.Inbound, VoiceRole.Outbound], ct))
        );
        voice.Subcommands.Add(VoiceInboundCommand.Build(shell));
        voice.Subcommands.Add(VoiceOutboundCommand.Build(shell));
        voice.Subcommands.Add(VoiceCallCommand.Build(shell));
        voice.Subcommands.Add(VoiceStatusCommand.Build(shell));
        return voice;
    }

    private static Command Service(string name, string about, Option[] places, Option[] options)
    {
        var command = new Command(name, about)
            .With(places)
            .With(VoiceOptions.Allow, VoiceOptions.SecretFile)
            .With(ExistingOptions.All)
            .With(options)
            .With(TelemetrySettings.Otlp, TelemetrySettings.Metrics, CommonOptions.LogLevel, CommonOptions.LogFormat);
        return name is "all" or VoiceRole.Llm
            ? command.With(CommonOptions.Gateway, CommonOptions.KeyFile).WithConfiguration()
            : command.WithConfiguration();
    }

    private static async Task<int> RunAsync(CommandContext context, IReadOnlyList<string> roles, CancellationToken ct)
    {
        using var loggers = LoggerFactory.Create(LogSettings.Read(context.Settings));
        await using var figures = await ProcessFigures.StartAsync(context, "pollard-voice", ct);
        await using var services = await VoiceServices.OpenAsync(
            context,
            roles.ToHashSet(StringComparer.Ordinal),
            loggers
        );
        await using var lines = new PhoneLines(
            context,
            loggers,
            isOpen: roles.Contains(VoiceRole.Inbound, StringComparer.Ordinal)
        );
        services.Host.Accounts = lines.Accounts;
        if (services.Host.Listening.Count == 0 && !lines.Names.Any())
        {
            throw new UsageException(
                $"Say how phones call: {PhoneOptions.Sip.Name} or {PhoneOptions.AudioSocket.Name}."
            );
        }

        foreach (var (role, place) in services.Host.Listening)
        {
            context.Print.Hint($"{role} at {place}");
        }

        if (services.Wyoming is { } wyoming)
        {
            context.Print.Hint($"Wyoming programs at {wyoming}");
        }

        foreach (var name in lines.Names)
        {
            context.Print.Hint($"Calls by {name}");
        }

        // Calls end before what they need does, so that phones and services are told.
        return await services.DuringAsync(async edge =>
        {
            await Task.WhenAll(lines.RunAsync(edge, ct), ct.UntilCancelledAsync());
            return ExitCode.Ok;
        });
    }
}
