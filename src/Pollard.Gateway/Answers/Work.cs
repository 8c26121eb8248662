using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Http;
using Pollard.Protocol.Api;
using Pollard.Tasks;
using Pollard.Tasks.Storage;

namespace Pollard.Gateway.Answers;

/// <summary>What a dialect's request comes to, once it is read.</summary>
/// <param name="Kind">Which kind of work.</param>
/// <param name="Model">The model, as the client names it.</param>
/// <param name="Body">The request that goes to the host.</param>
/// <param name="Stream">True when the client reads along.</param>
/// <param name="Keep">True when the client asked for the answer to be kept.</param>
/// <param name="Tools">True when the request has tools.</param>
/// <param name="Continuations">How another host may go on with its answer.</param>
/// <param name="Prefixes">Beginnings of the prompt.</param>
/// <param name="Requires">What the host must have.</param>
/// <param name="MaxAttempts">Tries at the most; null: as usual.</param>
internal readonly record struct WorkRequest(
    string Kind,
    string Model,
    ReadOnlyMemory<byte> Body,
    bool Stream,
    bool Keep = false,
    bool Tools = false,
    Continuations Continuations = Continuations.None,
    PromptPrefixes Prefixes = default,
    TaskRequirements? Requires = null,
    int? MaxAttempts = null
);

/// <summary>The way from a request to its task, for doors whose clients wait for the answer.</summary>
internal sealed class Work(
    TaskEngine engine,
    ModelCatalog models,
    Feasibility feasibility,
    GatewayOptions options,
    TimeProvider time
)
{
    private const int MostKeyCharacters = 255;

    /// <summary>Makes the task. The response's headers name it.</summary>
    /// <exception cref="RejectedException">It is not taken; says why.</exception>
    public async ValueTask<TaskHandle> SubmitAsync(HttpContext http, WorkRequest work)
    {
        // hot: once a request; guarded by the chat benchmark.
        var model = await models.ResolveAsync(work.Kind, work.Model, http.RequestAborted);
        var requires = ToolTrust.Require(work.Requires, work.Tools, options);
        feasibility.Require(work.Kind, model, requires);
        var key = IdempotencyKey(http);
        var respondAsync = Preferences.Of(http).RespondAsync;
        var full = work.Keep || key is not null || respondAsync;
        var task = new NewTask
        {
            Owner = http.GetCaller().Owner,
            Kind = work.Kind,
            Model = model,
            Request = work.Body,
            Stream = work.Stream,
            Prefixes = work.Prefixes,
            Requires = requires,
            MaxAttempts = work.MaxAttempts,
            Durability = full ? Durability.Full : Durability.Relaxed,
            LostOutput = work.Stream && !full ? LostOutput.Fail : LostOutput.Restart,
            Continuations = work.Continuations,
            QueueTimeout = respondAsync && !work.Stream ? null : options.InteractiveQueueTimeout,
            IdempotencyKey = key,
            Traceparent = RequestTrace.Traceparent(http),
        };

        // No token: what is handed in is accepted or not, whether or not the client still listens.
        var handle = Accepted(await engine.SubmitAsync(task, CancellationToken.None));
        http.Response.Headers[TaskHeaders.Task] = handle.PublicId;
        http.Response.Headers[TaskHeaders.Durability] = TaskView.WordOf(handle.Row.Durability);
        return handle;
    }

    /// <summary>The task of a submission.</summary>
    /// <exception cref="RejectedException">There is none; says why.</exception>
    public static TaskHandle Accepted(Submission submission) =>
        submission is { Outcome: SubmitOutcome.Accepted or SubmitOutcome.Existing, Task: { } task }
            ? task
            : throw new RejectedException(Refusal(submission));

    /// <summary>Why a submission was not taken.</summary>
    public static DoorError Refusal(Submission submission) =>
        submission.Outcome switch
        {
            SubmitOutcome.IdempotencyConflict => new DoorError(
                422,
                "idempotency_conflict",
                submission.Reason ?? "this Idempotency-Key was used with another request; take a new one"
            ),
            SubmitOutcome.QueueFull => new DoorError(
                503,
                "queue_full",
                submission.Reason ?? "too many tasks wait already; try again later"
            )
            {
                RetryAfter = submission.RetryAfter ?? TimeSpan.FromSeconds(5),
            },
            _ => StoreErrors.Of(submission.Fault ?? StoreFault.ReadOnly, submission.RetryAfter),
        };

    /// <summary>The client's word that two submissions are one; null when it gave none.</summary>
    public static string? IdempotencyKey(HttpContext http)
    {
        string? key = http.Request.Headers["Idempotency-Key"];
        return key switch
        {
            null => null,
            { Length: 0 or > MostKeyCharacters } => throw new RejectedException(
                DoorError.BadRequest(
                    $"Idempotency-Key must have 1 to {MostKeyCharacters} characters",
                    "Idempotency-Key"
                )
            ),
            _ => key,
        };
    }

    /// <summary>Waits for the end of a task whose client waits; a client that leaves ends it, unless it is durable.</summary>
    /// <returns>The result.</returns>
    /// <exception cref="RejectedException">It did not complete; says why.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> ResultAsync(HttpContext http, TaskHandle task)
    {
        try
        {
            TaskRow row;
            do
            {
                row = await task.WaitAsync(options.MaxWait, http.RequestAborted);
            } while (!row.IsFinal);

            return await ResultOfAsync(task, row, http.RequestAborted);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            await AbandonAsync(task);
            throw;
        }
    }

    /// <summary>The result of an ended task.</summary>
    /// <exception cref="RejectedException">It did not complete; says why.</exception>
    public static async ValueTask<ReadOnlyMemory<byte>> ResultOfAsync(
        TaskHandle task,
        TaskRow row,
        CancellationToken ct
    )
    {
        if (row.State != TaskState.Completed)
        {
            throw new RejectedException(TaskFailure.Of(row, task.PublicId));
        }

        return await task.ReadResultAsync(ct)
            ?? throw new RejectedException(
                new DoorError(410, "result_deleted", $"the result of task {task.PublicId} was deleted after its time")
            );
    }

    /// <summary>True when the client wants a receipt and the task has not ended within the time it waits.</summary>
    public async ValueTask<bool> IsLateAsync(HttpContext http, TaskHandle task)
    {
        var preferences = Preferences.Of(http);
        if (!preferences.RespondAsync)
        {
            return false;
        }

        http.Response.Headers.Vary = "Prefer";
        http.Response.Headers["Preference-Applied"] = "respond-async";
        var wait = preferences.Wait ?? TimeSpan.Zero;
        return wait > TimeSpan.Zero
            ? !(await task.WaitAsync(wait < options.MaxWait ? wait : options.MaxWait, http.RequestAborted)).IsFinal
            : !task.Row.IsFinal;
    }

    /// <summary>Ends an interactive task whose client has left, after the grace that the options give.</summary>
    public async ValueTask AbandonAsync(TaskHandle task)
    {
        if (task.Row.Durability == Durability.Full)
        {
            return;
        }

        // No token: nobody is there any more who could take it back.
        if (options.DisconnectGrace > TimeSpan.Zero)
        {
            await Task.Delay(options.DisconnectGrace, time, CancellationToken.None);
        }

        await engine.CancelAsync(task, "the client left", CancellationToken.None);
    }
}
