using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;
using Pollard.Gateway.Http;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Hosts.TaskAgents;

/// <summary>What an agent brings, as the engine takes it.</summary>
internal static class TaskAgentResult
{
    private const int MostMessageCharacters = 2_000;

    /// <summary>Ends the attempt as the agent says; false when it may not any more.</summary>
    public static bool Take(Attempt attempt, JsonElement brought)
    {
        var outcome = brought.Member("error") is { } error
            ? attempt.Fail(attempt.NextSeq, FailOf(error))
            : Finish(attempt, BodyOf(brought));
        attempt.Free();
        return outcome != AppendOutcome.Fenced;
    }

    // JSON, or bytes that are none; those who know only taskId bring nothing.
    private static byte[] BodyOf(JsonElement brought) =>
        brought.Member("result") is { } json ? JsonMarshal.GetRawUtf8Value(json).ToArray()
        : brought.Member("result_base64") is { ValueKind: JsonValueKind.String } text
        && text.TryGetBytesFromBase64(out var bytes)
            ? bytes
        : "null"u8.ToArray();

    private static AppendOutcome Finish(Attempt attempt, byte[] body)
    {
        var outcome = attempt.Append(attempt.NextSeq, DeltaKind.Body, 0, new ReadOnlySequence<byte>(body));
        if (outcome != AppendOutcome.Taken)
        {
            return outcome;
        }

        attempt.Flush();
        return attempt.Finish(attempt.NextSeq, new Messages.Finish { FinishReasons = ["stop"] });
    }

    // Its processor failed; another try may do better, unless the agent says that none will.
    private static Messages.Fail FailOf(JsonElement error)
    {
        var message = error.ValueKind == JsonValueKind.String ? error.GetString() : error.Text("message");
        return new Messages.Fail
        {
            Code = "agent_error",
            Message = PlainText.Of(message ?? "the agent could not do the task", MostMessageCharacters),
            Retryable = error.Flag("retryable") ?? true,
        };
    }
}
