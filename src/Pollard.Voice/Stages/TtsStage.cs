using Microsoft.Extensions.Logging;
using Pollard.Voice.Engines;
using Pollard.Voice.Links;

namespace Pollard.Voice.Stages;

/// <summary>Speaks sentences, a little ahead of what the caller hears.</summary>
/// <param name="engine">Who speaks.</param>
/// <param name="outbound">Who plays it.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">The log.</param>
internal sealed class TtsStage(ITextToSpeech engine, ICallTarget outbound, TimeProvider time, ILogger logger)
{
    /// <summary>Serves a call until it is over.</summary>
    public async Task ServeAsync(ICallLink llm, CancellationToken ct)
    {
        var next = outbound.Open(llm.Call);
        try
        {
            using var call = new TtsCall(llm, next, engine, time, logger);
            await call.RunAsync(ct);
        }
        finally
        {
            if (!ct.IsCancellationRequested) // Otherwise the call goes on with the next process.
            {
                next.Close();
            }
        }
    }
}
