using System.Net;
using Microsoft.Extensions.Logging;
using Pollard.Commands;
using Pollard.Configuration;
using Pollard.Voice.Engines;
using Pollard.Voice.Links;
using Pollard.Voice.Stages;
using Pollard.Voice.Wyoming;

namespace Pollard.Composition;

/// <summary>The services of calls that a process has, with all that they need.</summary>
internal sealed class VoiceServices : IAsyncDisposable
{
    private readonly List<object> _owned = [];

    private readonly HandleServer? _handle;

    private VoiceServices(VoiceHost host, HandleServer? handle) => (Host, _handle) = (host, handle);

    /// <summary>The services.</summary>
    public VoiceHost Host { get; }

    /// <summary>Where programs of the Wyoming protocol are answered; null: nowhere.</summary>
    public IPEndPoint? Wyoming => _handle?.At;

    /// <summary>Serves while something is done with calls, and until neighbours have heard what was said to them last.</summary>
    public async Task<T> DuringAsync<T>(Func<EdgeStage, Task<T>> work)
    {
        using var over = new CancellationTokenSource();
        var running = Task.WhenAll(Host.RunAsync(over.Token), _handle?.RunAsync(over.Token) ?? Task.CompletedTask);
        try
        {
            return await work(Host.Edge);
        }
        finally
        {
            await Host.SaidAsync();
            await over.CancelAsync();
            await running;
        }
    }

    /// <summary>Makes them, and takes their ports.</summary>
    /// <exception cref="UsageException">A setting is wrong.</exception>
    /// <exception cref="CommandFailedException">An engine or a port cannot be used.</exception>
    public static async Task<VoiceServices> OpenAsync(
        CommandContext context,
        IReadOnlySet<string> roles,
        ILoggerFactory loggers
    )
    {
        var (settings, time) = (context.Settings, context.Shell.Time);
        var logger = loggers.CreateLogger("Pollard.Voice");
        List<object> owned = [];
        try
        {
            var voice = VoiceOptions.Read(settings, time, roles);
            if (roles.Contains(VoiceRole.Inbound) && VoiceEngineOptions.Detector(settings) is { } detector)
            {
                Own(owned, detector);
                voice = voice with { Endpoints = voice.Endpoints with { Detector = detector.NewDetector } };
            }

            if (roles.Contains(VoiceRole.Stt))
            {
                var http = Own(owned, context.Shell.CreateHttpClient());
                var ears = Named(settings.Texts(VoiceEngineOptions.SttEngine), "pocketsphinx")
                    .Select(name => Own(owned, VoiceEngineOptions.Ears(settings, http, time, name)))
                    .ToList();
                voice = voice with { Ears = new SpeechToTextList(ears, time, logger) };
            }

            if (roles.Contains(VoiceRole.Tts))
            {
                var http = Own(owned, context.Shell.CreateHttpClient());
                var voices = Named(settings.Texts(VoiceEngineOptions.TtsEngine), "espeak")
                    .Select(name => Own(owned, VoiceEngineOptions.Voice(settings, http, time, name)))
                    .ToList();
                voice = voice with { Voice = new TextToSpeechList(voices, time, logger) };
            }

            if (roles.Contains(VoiceRole.Llm))
            {
                var gateway = Own(owned, context.Connect());
                var answers = VoiceOptions.ReadAnswers(settings);
                voice = voice with { Answers = answers, Model = new GatewayModel(gateway, answers, time, logger) };
            }

            var handle =
                voice is { Model: { } handler, Answers: { } how } && VoiceOptions.ReadWyoming(settings) is { } at
                    ? Own(owned, Handle(at, handler, how, voice.Allows, time, logger))
                    : null;
            var services = new VoiceServices(new VoiceHost(voice, logger), handle);
            services._owned.AddRange(owned);
            return services;
        }
        catch (Exception e) when (e is EngineSetupException or LinkPortException)
        {
            await DisposeAsync(owned);
            throw new CommandFailedException(e.Message, e);
        }
        catch
        {
            await DisposeAsync(owned);
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await DisposeAsync(_owned);
    }

    private static HandleServer Handle(
        IPEndPoint at,
        ICallModel model,
        LlmSettings answers,
        Func<IPAddress, bool> allows,
        TimeProvider time,
        ILogger logger
    ) =>
        new(
            at,
            new HandleSettings { Allows = allows, Model = answers.Model ?? "any" },
            new HandleAnswers(model, answers).AnswerAsync,
            time,
            logger
        );

    private static IReadOnlyList<string> Named(IReadOnlyList<string> engines, string usual) =>
        engines.Count > 0 ? engines : [usual];

    private static T Own<T>(List<object> owned, T one)
        where T : class
    {
        owned.Add(one);
        return one;
    }

    private static async ValueTask DisposeAsync(IEnumerable<object> owned)
    {
        foreach (var one in owned)
        {
            if (one is IAsyncDisposable async)
            {
                await async.DisposeAsync();
            }
            else
            {
                (one as IDisposable)?.Dispose();
            }
        }
    }
}
