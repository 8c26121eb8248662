using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using Pollard.Tasks.Dispatch;
using Pollard.Tasks.Events;

namespace Pollard.Gateway.Doors.Teleport;

/// <summary>Passes a tool's answer on as it comes. What breaks off in the middle breaks off for the client too.</summary>
internal sealed class TeleportAnswer(Work work, GatewayOptions options)
{
    /// <summary>Follows the task to its end.</summary>
    /// <exception cref="RejectedException">It failed before the tool had answered.</exception>
    public async Task WriteAsync(HttpContext http, TaskHandle task, string prefix)
    {
        var answer = new Answer(http, task, prefix);
        await using (answer)
        {
            try
            {
                await FollowAsync(http, task.TakeEvents(), answer);
            }
            catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
            {
                await work.AbandonAsync(task);
                throw;
            }
        }
    }

    private async Task FollowAsync(HttpContext http, TaskEventReader reader, Answer answer)
    {
        while (true)
        {
            while (reader.TryRead(out var next))
            {
                // Each piece has left before the next is read: that is what gives its host leave to send on.
                if (await answer.TakeAsync(next))
                {
                    return;
                }
            }

            if (await reader.WaitAsync(options.KeepAlive, http.RequestAborted) == EventWait.Ended)
            {
                answer.Break();
                return;
            }
        }
    }

    private sealed class Answer(HttpContext http, TaskHandle task, string prefix) : IAsyncDisposable
    {
        private bool _hasBegun;
        private bool _hasBody;
        private long _passedOn;
        private Stream? _file;

        /// <summary>Takes an event; true when it was the last.</summary>
        public async ValueTask<bool> TakeAsync(TaskEvent next)
        {
            switch (next)
            {
                case { Type: TaskEventType.Delta, Kind: DeltaKind.Head } when !_hasBegun:
                    await BeginAsync(next.Data);
                    return false;
                case { Type: TaskEventType.Delta, Kind: DeltaKind.Body } when _hasBegun:
                    await WriteAsync(next.Data);
                    return false;
                case { Type: TaskEventType.Delta, Kind: DeltaKind.BodyElsewhere } when _hasBegun:
                    await CopyAsync(BodyPieces.BytesOf(next.Data.Span));
                    return false;
                case { Type: TaskEventType.Redispatched or TaskEventType.Retried } when _hasBegun:
                    Break(); // Another try has another answer.
                    return true;
                case { Type: TaskEventType.Completed } when _hasBegun:
                    await http.Response.CompleteAsync();
                    return true;
                case { IsFinal: true } when _hasBegun:
                    Break();
                    return true;
                case { IsFinal: true }:
                    throw new RejectedException(TaskFailure.Of(task.Row, task.PublicId));
                default:
                    return false;
            }
        }

        /// <summary>Ends the connection: the client must not take for whole what is not.</summary>
        public void Break() => http.Abort();

        public ValueTask DisposeAsync() => _file?.DisposeAsync() ?? ValueTask.CompletedTask;

        private async Task BeginAsync(ReadOnlyMemory<byte> data)
        {
            var head = HeadOf(data);
            http.Response.StatusCode = head.Status;
            TeleportHeaders.ForClient(http.Response, head, prefix);
            _hasBegun = true;
            _hasBody = !HttpMethods.IsHead(http.Request.Method) && head.Status is not (204 or 205 or 304);
            await http.Response.BodyWriter.FlushAsync(http.RequestAborted); // The head leaves now: its body may be long in coming.
        }

        private Protocol.Api.HttpHead HeadOf(ReadOnlyMemory<byte> data)
        {
            try
            {
                return ToolAnswer.HeadOf(data);
            }
            catch (JsonException)
            {
                throw new RejectedException(
                    new DoorError(502, "bad_answer", "the host's output is no answer of a tool")
                    {
                        TaskId = task.PublicId,
                    }
                );
            }
        }

        private async Task WriteAsync(ReadOnlyMemory<byte> piece)
        {
            _passedOn += piece.Length;
            if (_hasBody)
            {
                await http.Response.BodyWriter.WriteAsync(piece, http.RequestAborted);
            }
        }

        // The file has the body from its beginning, also what came before as it is.
        private async Task CopyAsync(long bytes)
        {
            if (_file is null)
            {
                _file = task.OpenBody() ?? throw new IOException("The body of a task is gone.");
                _file.Position = _passedOn;
            }

            var buffer = ArrayPool<byte>.Shared.Rent(64 * 1024);
            try
            {
                while (bytes > 0)
                {
                    var read = await _file.ReadAsync(
                        buffer.AsMemory(0, (int)Math.Min(buffer.Length, bytes)),
                        http.RequestAborted
                    );
                    if (read == 0)
                    {
                        throw new IOException("The body of a task is shorter than its log says.");
                    }

                    bytes -= read;
                    await WriteAsync(buffer.AsMemory(0, read));
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
    }
}
