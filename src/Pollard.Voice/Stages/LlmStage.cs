using Microsoft.Extensions.Logging;
using Pollard.Voice.Links;

namespace Pollard.Voice.Stages;

/// <summary>Answers what callers say, sentence by sentence, as the model writes them. Nothing of one call waits for another.</summary>
/// <param name="model">Who answers.</param>
/// <param name="speech">Who speaks.</param>
/// <param name="settings">How callers are answered.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">The log.</param>
internal sealed class LlmStage(
    ICallModel model,
    ICallTarget speech,
    LlmSettings settings,
    TimeProvider time,
    ILogger logger
)
{
    /// <summary>Serves a call until it is over.</summary>
    public async Task ServeAsync(ICallLink stt, CancellationToken ct)
    {
        using var journal = CallJournal.Open(settings.JournalFolder, stt.Call.ToString(), time);
        var next = speech.Open(stt.Call);
        try
        {
            await new LlmCall(stt, next, model, settings, journal, time, logger).RunAsync(ct);
            if (!ct.IsCancellationRequested)
            {
                journal.Remove(); // A process that is asked to end leaves it to the next one.
            }
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
