using Pollard.Protocol;

namespace Pollard.Agent.Backends.Continuing;

/// <summary>Runs a chat on a server.</summary>
internal delegate Task<WorkResult> RunWork(WorkItem work, IWorkOutput output, CancellationToken cancellationToken);

/// <summary>Goes on with an answer that another host has begun, see <see cref="Protocol.HostLink.Messages.Continue"/>.</summary>
internal static class ContinuedWork
{
    /// <summary>Runs work whose offer has a beginning: only what follows that reaches the output.</summary>
    /// <param name="work">The work.</param>
    /// <param name="output">Where what follows goes.</param>
    /// <param name="style">How the server is told; null when it cannot.</param>
    /// <param name="run">Runs it as if it were new.</param>
    /// <param name="ct">Stops it.</param>
    /// <exception cref="Http.BackendException">The request is no chat.</exception>
    public static async Task<WorkResult> RunAsync(
        WorkItem work,
        IWorkOutput output,
        PrefillStyle? style,
        RunWork run,
        CancellationToken ct
    )
    {
        var answer = work.Offer.Continue!;
        var anew = work with { Offer = work.Offer with { Continue = null } };
        if (answer.Mode == ModelInfo.Replay)
        {
            ReplayedOutput replayed = new(output, answer);
            return replayed.Judge(await run(anew, replayed, ct));
        }

        if (answer.Mode != ModelInfo.Prefill || style is not { } how || work.Offer.Kind != "chat")
        {
            return WorkResult.Failed(
                new()
                {
                    Code = "unsupported",
                    Message = $"this host cannot go on with an answer by {answer.Mode}",
                    Retryable = false,
                }
            );
        }

        var prefilled = anew with { Request = PrefilledRequest.Of(work.Request, answer, how) };
        var blanks = answer.Text[PrefilledRequest.BeginningOf(answer).Length..];
        return await run(prefilled, blanks.Length == 0 ? output : new SeamOutput(output, blanks), ct);
    }
}
