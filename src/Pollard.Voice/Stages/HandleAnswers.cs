using System.Runtime.CompilerServices;
using Pollard.Client;

namespace Pollard.Voice.Stages;

/// <summary>Answers texts of programs that speak the Wyoming protocol, each by itself.</summary>
/// <param name="model">Who answers.</param>
/// <param name="settings">How.</param>
internal sealed class HandleAnswers(ICallModel model, LlmSettings settings)
{
    /// <summary>The answer to a text, in pieces as they come. Who stops to hear cancels it.</summary>
    /// <exception cref="PollardException">There is none.</exception>
    public async IAsyncEnumerable<string> AnswerAsync(string text, [EnumeratorCancellation] CancellationToken ct)
    {
        List<ChatTurn> talk = settings.System is { } system ? [new ChatTurn("system", system)] : [];
        talk.Add(new ChatTurn("user", text));
        var asked = await model.AskAsync("wyoming", talk, ct);
        var isWhole = false;
        try
        {
            await foreach (var update in model.HearAsync(asked, ct))
            {
                if (update is { Kind: ChatUpdateKind.Text, Choice: 0 })
                {
                    yield return update.Text;
                }
            }

            isWhole = true;
        }
        finally
        {
            if (!isWhole)
            {
                await model.CancelAsync(asked);
            }
        }
    }
}
