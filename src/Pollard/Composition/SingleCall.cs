using Microsoft.Extensions.Logging;
using Pollard.Commands;
using Pollard.Configuration;
using Pollard.Voice.Audio;
using Pollard.Voice.Links;
using Pollard.Voice.Stages;

namespace Pollard.Composition;

/// <summary>The only call of a process that is one end of it, or both.</summary>
/// <param name="Id">The call.</param>
/// <param name="Edge">Serves it, connected with the services that it needs.</param>
/// <param name="Clock">The clock of its sound.</param>
/// <param name="Logger">The log.</param>
internal sealed record SingleCall(CallId Id, EdgeStage Edge, FrameClock Clock, ILogger Logger)
{
    /// <summary>Has something done with the call, and connections kept while it is.</summary>
    /// <param name="context">The settings.</param>
    /// <param name="ends">Which ends are here: <see cref="VoiceRole"/>.</param>
    /// <param name="usual">What is logged where nothing is said.</param>
    /// <param name="work">What is done.</param>
    /// <exception cref="UsageException">A setting is wrong.</exception>
    public static async Task<int> DuringAsync(
        CommandContext context,
        IEnumerable<string> ends,
        LogLevel usual,
        Func<SingleCall, Task<int>> work
    )
    {
        var id = VoiceLegOptions.CallOf(context.Settings);
        using var loggers = LoggerFactory.Create(LogSettings.Read(context.Settings, usual: usual));
        var logger = loggers.CreateLogger("Pollard.Voice");
        await using var services = await VoiceServices.OpenAsync(
            context,
            ends.ToHashSet(StringComparer.Ordinal),
            loggers
        );
        using var clock = new FrameClock(context.Shell.Time, logger);
        clock.Start();
        return await services.DuringAsync(edge => work(new SingleCall(id, edge, clock, logger)));
    }
}
