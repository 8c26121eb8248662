using System.Globalization;
using System.Runtime.CompilerServices;
using Pollard.Protocol;
using Pollard.Protocol.Api;

namespace Pollard.Client;

/// <summary>Tasks: submit them, wait for them, read them, end them.</summary>
public sealed partial class TasksClient
{
    // Less than what proxies let a held request live.
    private static readonly TimeSpan Hold = TimeSpan.FromSeconds(30);
    private readonly GatewayHttp _gateway;

    internal TasksClient(GatewayHttp gateway) => _gateway = gateway;

    internal TimeProvider Time => _gateway.Options.Time;

    /// <summary>Hands in a task. When this returns the task is on disk and will end exactly once.</summary>
    /// <param name="task">What to do.</param>
    /// <param name="idempotencyKey">The same key with the same task gives the same task again; null: each call makes one, however often it is sent.</param>
    /// <param name="cancellationToken">Stops waiting for the answer; the task may have been taken.</param>
    /// <exception cref="PollardException">The task was refused, or the gateway cannot be reached.</exception>
    public Task<TaskDocument> SubmitAsync(
        SubmitTask task,
        string? idempotencyKey = null,
        CancellationToken cancellationToken = default
    )
    {
        var call = GatewayCall.Submit("v1/tasks", task, ProtocolJson.Default.SubmitTask, idempotencyKey);
        return _gateway.CallAsync(call, ProtocolJson.Default.TaskDocument, cancellationToken);
    }

    /// <summary>Hands in up to 1,000 tasks in one commit; a task or an error for each, in order.</summary>
    /// <param name="tasks">What to do.</param>
    /// <param name="idempotencyKey">The same key with the same tasks gives the same tasks again; null: each call makes new ones.</param>
    /// <param name="cancellationToken">Stops waiting for the answer; the tasks may have been taken.</param>
    /// <exception cref="PollardException">The batch was refused as a whole, or the gateway cannot be reached.</exception>
    public async Task<IReadOnlyList<BatchItem>> SubmitAsync(
        IReadOnlyList<SubmitTask> tasks,
        string? idempotencyKey = null,
        CancellationToken cancellationToken = default
    )
    {
        var batch = new SubmitBatch(tasks);
        var call = GatewayCall.Submit("v1/tasks:batch", batch, ProtocolJson.Default.SubmitBatch, idempotencyKey);
        var reply = await _gateway
            .CallAsync(call, ProtocolJson.Default.BatchReply, cancellationToken)
            .ConfigureAwait(false);
        return reply.Tasks;
    }

    /// <summary>A task as it is now.</summary>
    /// <exception cref="PollardException">There is no such task (404), or the gateway cannot be reached.</exception>
    public Task<TaskDocument> GetAsync(string id, CancellationToken cancellationToken = default) =>
        _gateway.CallAsync(GatewayCall.Get(Path(id)), ProtocolJson.Default.TaskDocument, cancellationToken);

    /// <summary>Waits until a task has ended; outlives a gateway that restarts.</summary>
    /// <param name="id">The task.</param>
    /// <param name="timeout">How long; null: as long as it takes.</param>
    /// <param name="cancellationToken">Stops waiting; the task goes on.</param>
    /// <returns>The task; after the time-out as it is, see <see cref="TaskDocument.Final"/>.</returns>
    /// <exception cref="PollardException">There is no such task (404), or the gateway stays away.</exception>
    public async Task<TaskDocument> WaitAsync(
        string id,
        TimeSpan? timeout = null,
        CancellationToken cancellationToken = default
    )
    {
        var options = _gateway.Options;
        var patience = new Patience(options.ReconnectWithin, options.Time);
        var since = options.Time.GetTimestamp();
        while (true)
        {
            var left = (timeout ?? TimeSpan.MaxValue) - options.Time.GetElapsedTime(since);
            var hold =
                left < TimeSpan.Zero ? TimeSpan.Zero
                : left < Hold ? left
                : Hold;
            try
            {
                var task = await WaitOnceAsync(id, hold, cancellationToken).ConfigureAwait(false);
                patience.Heard();
                if (task.Final || left <= hold)
                {
                    return task;
                }
            }
            catch (PollardException e)
            {
                await patience.WaitOrThrowAsync(e, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>
    /// A task's events, as they happen, until it has ended. A connection that breaks is opened anew after the last event that
    /// came: none is missing and none comes twice.
    /// </summary>
    /// <param name="id">The task.</param>
    /// <param name="after">Only events with higher numbers; -1: all.</param>
    /// <param name="cancellationToken">Stops reading; the task goes on.</param>
    /// <exception cref="PollardException">There is no such task (404), or the gateway stays away.</exception>
    public async IAsyncEnumerable<TaskEventDocument> EventsAsync(
        string id,
        long after = -1,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        var patience = new Patience(_gateway.Options.ReconnectWithin, _gateway.Options.Time);
        while (true)
        {
            PollardException? failure = null;
            await using var events = EventStream
                .ReadAsync(_gateway, Path(id), after, cancellationToken)
                .ConfigureAwait(false)
                .GetAsyncEnumerator();
            while (true)
            {
                try
                {
                    if (!await events.MoveNextAsync())
                    {
                        break;
                    }
                }
                catch (PollardException e)
                {
                    failure = e;
                    break;
                }

                patience.Heard();
                if (events.Current.Seq > after)
                {
                    after = events.Current.Seq;
                    yield return events.Current;
                }
            }

            if (failure is null && await IsReadAsync(id, after, cancellationToken).ConfigureAwait(false))
            {
                yield break;
            }

            failure ??= EventStream.Cut(id);
            await patience.WaitOrThrowAsync(failure, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Ends a task that has not ended.</summary>
    /// <exception cref="PollardException">It ended before (409), or there is no such task (404).</exception>
    public Task<TaskDocument> CancelAsync(string id, CancellationToken cancellationToken = default) =>
        _gateway.CallAsync(
            new GatewayCall(HttpMethod.Delete, Path(id)) { MayRepeat = true },
            ProtocolJson.Default.TaskDocument,
            cancellationToken
        );

    /// <summary>Starts a failed, timed-out or cancelled task over.</summary>
    /// <exception cref="PollardException">Its state does not allow that (409), or there is no such task (404).</exception>
    public Task<TaskDocument> RetryAsync(string id, CancellationToken cancellationToken = default) =>
        _gateway.CallAsync(GatewayCall.Post(Path(id) + "/retry"), ProtocolJson.Default.TaskDocument, cancellationToken);

    /// <summary>Says what becomes of a task none of whose answers passed its checks (<see cref="TaskDocument.NeedsInput"/>).</summary>
    /// <exception cref="PollardException">Nobody is asked about it (409), or there is no such task (404).</exception>
    public Task<TaskDocument> GiveInputAsync(
        string id,
        InputRequest input,
        CancellationToken cancellationToken = default
    ) =>
        _gateway.CallAsync(
            GatewayCall.Post(Path(id) + "/input", input, ProtocolJson.Default.InputRequest),
            ProtocolJson.Default.TaskDocument,
            cancellationToken
        );

    /// <summary>Why a task waits.</summary>
    /// <exception cref="PollardException">There is no such task (404), or the gateway cannot be reached.</exception>
    public Task<WhyDocument> WhyAsync(string id, CancellationToken cancellationToken = default) =>
        _gateway.CallAsync(GatewayCall.Get(Path(id) + "/why"), ProtocolJson.Default.WhyDocument, cancellationToken);

    /// <summary>One page of tasks, newest first, without their results.</summary>
    /// <exception cref="PollardException">The query was refused, or the gateway cannot be reached.</exception>
    public Task<TaskPage> ListAsync(TaskListQuery? query = null, CancellationToken cancellationToken = default) =>
        _gateway.CallAsync(GatewayCall.Get("v1/tasks" + query), ProtocolJson.Default.TaskPage, cancellationToken);

    private Task<TaskDocument> WaitOnceAsync(string id, TimeSpan hold, CancellationToken ct)
    {
        var seconds = hold.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture);
        return _gateway.CallAsync(
            GatewayCall.Get($"{Path(id)}/wait?timeout={seconds}") with
            {
                MayRepeat = false,
            },
            ProtocolJson.Default.TaskDocument,
            ct,
            limit: hold + _gateway.Options.StreamSilence
        );
    }

    // A stream that ends well may still have been ended by somebody between: only the task knows.
    private async Task<bool> IsReadAsync(string id, long after, CancellationToken ct)
    {
        try
        {
            var call = GatewayCall.Get(Path(id)) with { MayRepeat = false }; // Whoever asks has a patience of its own.
            var task = await _gateway.CallAsync(call, ProtocolJson.Default.TaskDocument, ct).ConfigureAwait(false);
            return task.Final && after + 1 >= task.Events;
        }
        catch (PollardException e) when (e.IsTransient)
        {
            return false;
        }
    }

    private static string Path(string id) => "v1/tasks/" + Uri.EscapeDataString(id);
}
