using Pollard.Client;

namespace Pollard.Voice.Stages;

/// <summary>Who answers what callers say. What is asked goes on without who asks, and can be heard again by its name.</summary>
internal interface ICallModel
{
    /// <summary>Asks.</summary>
    /// <param name="call">The call.</param>
    /// <param name="talk">All that was said so far.</param>
    /// <param name="ct">Nobody waits for it any more.</param>
    /// <returns>The name of what was asked.</returns>
    /// <exception cref="PollardException">It was not taken.</exception>
    Task<string> AskAsync(string call, IReadOnlyList<ChatTurn> talk, CancellationToken ct);

    /// <summary>Hears an answer as it comes, from its beginning.</summary>
    /// <exception cref="PollardException">There is none, or it broke off for good.</exception>
    IAsyncEnumerable<ChatUpdate> HearAsync(string asked, CancellationToken ct);

    /// <summary>Nobody wants an answer any more. Never throws.</summary>
    Task CancelAsync(string asked);
}
