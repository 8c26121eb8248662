using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Http;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using Pollard.Tasks.Events;

namespace Pollard.Gateway.Answers;

/// <summary>
/// One streamed answer: follows a task's log and writes it in a dialect. The status goes out with the first output or after
/// the first silence, so that a failure before that is still an ordinary error.
/// </summary>
internal abstract class AnswerStream(Work work, GatewayOptions options)
{
    private readonly Dictionary<(DeltaKind, ushort), Utf8Carry> _cut = [];
    private bool _outputShown;
    private bool _outputVoid;

    /// <summary>The type of the stream.</summary>
    protected abstract string ContentType { get; }

    /// <summary>Where it is written.</summary>
    protected PipeWriter Output { get; private set; } = null!;

    /// <summary>The task.</summary>
    protected TaskHandle Task { get; private set; } = null!;

    /// <summary>Follows the task to its end.</summary>
    /// <exception cref="RejectedException">It failed before anything was written.</exception>
    public async Task RunAsync(HttpContext http, TaskHandle task)
    {
        Task = task;
        Output = http.Response.BodyWriter;
        try
        {
            var before = task.Row is { Attempt: <= 1, Generation: 1 } ? -1 : await SkipVoidAsync(http);
            await FollowAsync(http, task.ReadEvents(before));
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            await work.AbandonAsync(task);
            throw;
        }
    }

    /// <summary>Writes a piece of output. Text comes as whole characters.</summary>
    protected abstract void WriteDelta(DeltaKind kind, ushort choice, ReadOnlySpan<byte> data, long unixMilliseconds);

    /// <summary>Writes something that clients pass over.</summary>
    protected abstract void WriteKeepAlive();

    /// <summary>Writes the good end.</summary>
    protected abstract void WriteEnd(TaskRow row, AnswerFacts facts);

    /// <summary>Writes the bad end.</summary>
    protected abstract void WriteError(DoorError error);

    /// <summary>The number of the last event before the present try, so that a late reader is not shown what is void already.</summary>
    private async ValueTask<int> SkipVoidAsync(HttpContext http)
    {
        var before = -1;
        await foreach (var next in TaskLogs.ReadPresentAsync(Task, -1, http.RequestAborted))
        {
            before = next.Type is TaskEventType.Redispatched or TaskEventType.Retried ? next.Seq : before;
        }

        return before;
    }

    private async Task FollowAsync(HttpContext http, TaskEventReader reader)
    {
        // hot: once a batch of tokens; guarded by the stream benchmark. One flush a batch, and none while one is pending.
        while (true)
        {
            var wrote = false;
            while (reader.TryRead(out var next))
            {
                if (next.IsFinal || (_outputVoid && next.Type is TaskEventType.Redispatched or TaskEventType.Leased))
                {
                    await EndAsync(http, next);
                    return;
                }

                wrote |= Take(http, next);
            }

            if (wrote)
            {
                await Output.FlushAsync(http.RequestAborted);
            }

            switch (await reader.WaitAsync(options.KeepAlive, http.RequestAborted))
            {
                case EventWait.TimedOut:
                    Begin(http);
                    WriteKeepAlive();
                    await Output.FlushAsync(http.RequestAborted);
                    break;
                case EventWait.Ended:
                    throw new InvalidOperationException($"The log of task {Task.PublicId} has no end.");
                default:
                    break;
            }
        }
    }

    private bool Take(HttpContext http, in TaskEvent next)
    {
        switch (next.Type)
        {
            case TaskEventType.Delta when next.Kind != DeltaKind.Progress && next.Choice < AnswerParts.MostChoices:
                Begin(http);
                _outputShown = true;
                WriteDelta(next.Kind, next.Choice, WholeText(next), next.UnixMilliseconds);
                return true;
            case TaskEventType.Lost:
                _outputVoid = _outputShown;
                return false;
            case TaskEventType.Retried when _outputShown:
                _outputVoid = true;
                return false;
            default:
                return false;
        }
    }

    private ReadOnlySpan<byte> WholeText(in TaskEvent next)
    {
        var data = next.Data.Span;
        var isText = next.Kind is DeltaKind.Content or DeltaKind.Reasoning or DeltaKind.Refusal;
        if (!isText || (_cut.Count == 0 && (data.IsEmpty || data[^1] < 0x80)))
        {
            return data;
        }

        var carry = _cut.GetValueOrDefault((next.Kind, next.Choice));
        data = carry.Join(data);
        _cut[(next.Kind, next.Choice)] = carry;
        return data;
    }

    private async Task EndAsync(HttpContext http, TaskEvent last)
    {
        if (last.Type == TaskEventType.Completed)
        {
            var row = Task.Row;
            var facts = AnswerFacts.Read(await Work.ResultOfAsync(Task, row, http.RequestAborted));
            Begin(http);
            WriteEnd(row, facts);
        }
        else
        {
            var error = last.IsFinal ? TaskFailure.Of(Task.Row, Task.PublicId) : TaskFailure.StartsOver(Task.PublicId);
            if (!http.Response.HasStarted && !_outputShown)
            {
                throw new RejectedException(error);
            }

            WriteError(error);
        }

        await Output.FlushAsync(http.RequestAborted);
    }

    private void Begin(HttpContext http)
    {
        if (Output.UnflushedBytes > 0 || http.Response.HasStarted || http.Response.ContentType is not null)
        {
            return;
        }

        http.Response.ContentType = ContentType;
        http.Response.Headers.CacheControl = "no-cache";
        http.Response.Headers["X-Accel-Buffering"] = "no"; // Proxies would hold tokens back.
    }
}
