using System.Buffers;
using System.Text.Json;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Hosts.Teleport;

/// <summary>Writes what an agent brought as the answer of its call, no faster than the engine takes it.</summary>
internal static class TeleportAnswer
{
    private const int PieceBytes = 64 * 1024;

    /// <summary>Ends the attempt with what the agent brought. Its host has it no more.</summary>
    public static async Task WriteAsync(PolledHost host, PolledWork work, TeleportResult result, Stream body)
    {
        var attempt = work.Attempt;
        try
        {
            if (result.Failure is { } failure)
            {
                attempt.Fail(attempt.NextSeq, failure);
            }
            else if (!await WriteBodyAsync(host, work, result, body))
            {
                work.End();
            }
        }
        catch (OperationCanceledException) when (work.Over.IsCancellationRequested)
        {
            // Nobody wants it any more.
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            attempt.Fail(attempt.NextSeq, Unreadable); // Our disk's fault.
        }

        attempt.Free();
        host.Inform();
    }

    private static async Task<bool> WriteBodyAsync(PolledHost host, PolledWork work, TeleportResult result, Stream body)
    {
        var attempt = work.Attempt;
        var piece = ArrayPool<byte>.Shared.Rent(PieceBytes);
        try
        {
            var read = await body.ReadAtLeastAsync(piece.AsMemory(0, PieceBytes), PieceBytes, false, work.Over);
            var head = JsonSerializer.SerializeToUtf8Bytes(
                result.HeadOf(piece.AsSpan(0, read)),
                ProtocolJson.Default.HttpHead
            );
            if (!await AppendAsync(work, DeltaKind.Head, head))
            {
                return false;
            }

            while (read > 0)
            {
                if (!await AppendAsync(work, DeltaKind.Body, piece.AsMemory(0, read)))
                {
                    return false;
                }

                host.Touch(); // It waits for us to take all of it.
                read = await body.ReadAtLeastAsync(piece.AsMemory(0, PieceBytes), PieceBytes, false, work.Over);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
        }

        var outcome = attempt.Finish(attempt.NextSeq, new Messages.Finish { FinishReasons = ["stop"] });
        return outcome == AppendOutcome.Taken;
    }

    private static async ValueTask<bool> AppendAsync(PolledWork work, DeltaKind kind, ReadOnlyMemory<byte> data)
    {
        await work.SpendAsync(data.Length);
        var attempt = work.Attempt;
        var outcome = attempt.Append(attempt.NextSeq, kind, 0, new ReadOnlySequence<byte>(data));
        attempt.Flush();
        return outcome == AppendOutcome.Taken;
    }

    private static Messages.Fail Unreadable { get; } =
        new()
        {
            Code = "agent_error",
            Message = "what the agent uploaded could not be read again",
            Retryable = true,
        };
}
