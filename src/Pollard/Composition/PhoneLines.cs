using Microsoft.Extensions.Logging;
using Pollard.Commands;
using Pollard.Configuration;
using Pollard.Voice.Audio;
using Pollard.Voice.Legs;
using Pollard.Voice.Legs.AudioSockets;
using Pollard.Voice.Legs.Sip;
using Pollard.Voice.Stages;

namespace Pollard.Composition;

/// <summary>The ways on which phones reach this process, and their calls.</summary>
internal sealed partial class PhoneLines : IAsyncDisposable
{
    private readonly List<ILegSource> _sources = [];
    private readonly FrameClock _clock;
    private readonly ILogger _logger;

    /// <summary>Takes their ports.</summary>
    /// <param name="context">The settings.</param>
    /// <param name="loggers">The log.</param>
    /// <param name="isOpen">Whether calls can come in here: settings are those of all processes of a machine.</param>
    /// <exception cref="UsageException">A setting is wrong.</exception>
    /// <exception cref="CommandFailedException">A port cannot be used.</exception>
    public PhoneLines(CommandContext context, ILoggerFactory loggers, bool isOpen)
    {
        var (settings, time) = (context.Settings, context.Shell.Time);
        _logger = loggers.CreateLogger("Pollard.Voice");
        _clock = new FrameClock(time, _logger);
        try
        {
            var allows = VoiceOptions.Allows(settings);
            var numbers = settings.Texts(ExistingOptions.Existing).Count > 0 ? new CallNumbers() : null;
            if (isOpen && PhoneOptions.ReadSip(settings, allows) is { } sip)
            {
                _sources.Add(new SipSource(sip with { Numbers = numbers }, _clock, time, _logger));
            }

            if (isOpen && PhoneOptions.ReadAudioSocket(settings, allows) is { } audioSocket)
            {
                _sources.Add(new AudioSocketSource(audioSocket with { Numbers = numbers }, _clock, time, _logger));
            }
        }
        catch (IOException e)
        {
            throw new CommandFailedException(e.Message, e);
        }
    }

    /// <summary>What they are, for people; none: no phone reaches us.</summary>
    public IEnumerable<string> Names => _sources.Select(static source => source.Name);

    /// <summary>Users whose calls come here by SIP.</summary>
    public IReadOnlyList<SipAccount> Accounts() =>
        [.. _sources.OfType<SipSource>().Select(static source => source.Account).OfType<SipAccount>()];

    /// <summary>Takes calls until <paramref name="ct"/> is set, and returns when all are over.</summary>
    public async Task RunAsync(EdgeStage edge, CancellationToken ct)
    {
        if (_sources.Count > 0)
        {
            _clock.Start();
        }

        await Task.WhenAll(_sources.Select(source => TakeAsync(source, edge, ct)));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var source in _sources)
        {
            await source.DisposeAsync();
        }

        _clock.Dispose();
    }

    private async Task TakeAsync(ILegSource source, EdgeStage edge, CancellationToken ct)
    {
        var running = source.RunAsync(ct);
        List<Task> calls = [];
        await foreach (var leg in source.Came.ReadAllAsync(CancellationToken.None)) // It ends with the source.
        {
            calls.RemoveAll(static call => call.IsCompleted);
            calls.Add(ServeAsync(leg, edge, ct));
        }

        await running;
        await Task.WhenAll(calls);
    }

    private async Task ServeAsync(ICallLeg leg, EdgeStage edge, CancellationToken ct)
    {
        await Task.Yield(); // Who comes next is not to wait for this one's beginning.
        try
        {
            await using (leg)
            {
                await edge.ServeAsync(leg, static _ => { }, ct);
            }
        }
        catch (Exception e)
        {
            LogBroken(_logger, leg.Caller, e); // One call must not end the others.
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The call of {Caller} broke")]
    private static partial void LogBroken(ILogger logger, string caller, Exception exception);
}
