using Pollard.Agent.Logs;

namespace Pollard.Agent.Sources.TaskServers;

/// <summary>Measures the requests to a task server, as what they were for and what came of them.</summary>
internal static class ServerFigures
{
    /// <summary>A question for a task is answered.</summary>
    public static void Fetched(ServerAnswer answer, FetchReply reply) =>
        AgentMeter.Requested(
            AgentMeter.GetTask,
            answer.Took,
            (int)answer.Status,
            Word(reply.Trouble),
            reply.Task is not null
        );

    /// <summary>A result, or a file of one, was brought, and was taken or not.</summary>
    /// <param name="operation">Which of them, see <see cref="AgentMeter"/>.</param>
    /// <param name="answer">The answer.</param>
    /// <param name="trouble">What is wrong; null: it was taken.</param>
    /// <param name="bytes">How large it was.</param>
    /// <param name="isDirect">True: it was put to an address of its own.</param>
    public static void Brought(
        string operation,
        ServerAnswer answer,
        ServerTrouble? trouble,
        long bytes,
        bool isDirect = false
    )
    {
        AgentMeter.Requested(operation, answer.Took, (int)answer.Status, Word(trouble));
        if (trouble is null)
        {
            AgentMeter.Uploaded(bytes, isDirect);
        }
    }

    private static string? Word(ServerTrouble? trouble) =>
        trouble?.Kind switch
        {
            null => null,
            TroubleKind.Away => "away",
            TroubleKind.Busy => "busy",
            TroubleKind.Odd => "odd",
            TroubleKind.Refused => "refused",
            _ => "never",
        };
}
