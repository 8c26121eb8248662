using Microsoft.Extensions.Logging;

namespace Pollard.Tasks.Validation;

/// <summary>Has answers judged, a few at a time, and tells the engine what came of it.</summary>
internal sealed partial class Reviews(EngineCore core, IAnswerReview review) : IDisposable
{
    private const int Tries = 3;
    private static readonly TimeSpan BetweenTries = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan AskedHold = TimeSpan.FromMinutes(1);
    private readonly SemaphoreSlim _places = new(core.Options.ReviewsAtOnce);
    private readonly CancellationTokenSource _stopping = new();

    /// <summary>The answer of a task is on disk: it is judged from here on, once. The caller holds the engine's lock.</summary>
    public void Begin(LiveTask task, Effects effects)
    {
        if (task.Reviewing is not null)
        {
            return;
        }

        task.Reviewing = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
        effects.Add(
            static (subject, detail, fence) =>
            {
                var (reviews, stop) = ((Reviews, CancellationTokenSource))detail!;
                _ = reviews.RunAsync((LiveTask)subject, fence, stop); // Catches all that can go wrong itself.
            },
            task,
            (this, task.Reviewing),
            task.Row.Fence
        );
    }

    /// <summary>The request that asks a task's model again.</summary>
    public ReadOnlyMemory<byte> Revise(TaskRow row, ReadOnlyMemory<byte> request, ReviewLog log) =>
        review.Revise(row, request, log.Rejected);

    public void Dispose()
    {
        _stopping.Cancel();
        _stopping.Dispose();
        _places.Dispose();
    }

    private async Task RunAsync(LiveTask task, long fence, CancellationTokenSource stop)
    {
        try
        {
            await Task.Yield(); // The thread that brought us here reads a host's link.
            var log = ReviewLog.Of(await core.ReadLogAsync(task, stop.Token));
            var answer = await AnswerAsync(task, log, stop.Token);
            var verdicts = await JudgeAsync(answer, stop.Token);
            core.Judged(task, fence, log, verdicts);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The task has ended, or the gateway stops and judges it at its next start.
        }
        catch (Exception e)
        {
            LogNotJudged(core.Logger, e, task.PublicId);
            core.NotJudged(
                task,
                fence,
                e is ReviewException ? e.Message : "a check broke; the gateway's log has the reason"
            );
        }
        finally
        {
            stop.Dispose();
        }
    }

    private async Task<ReviewedAnswer> AnswerAsync(LiveTask task, ReviewLog log, CancellationToken ct) =>
        new()
        {
            Row = task.Row,
            PublicId = task.PublicId,
            Number = task.Row.ValidationAttempts,
            Request = await new TaskHandle(task).ReadRequestAsync(ct) ?? ReadOnlyMemory<byte>.Empty,
            Text = log.Text,
            AskAsync = AskAsync,
        };

    // A check may need a model or a program that is away for a moment.
    private async Task<IReadOnlyList<Verdict>> JudgeAsync(ReviewedAnswer answer, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            await _places.WaitAsync(ct);
            try
            {
                using var late = new CancellationTokenSource(core.Options.ReviewTimeout, core.Time);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
                return await review.JudgeAsync(answer, either.Token).WaitAsync(either.Token);
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                throw new ReviewException(
                    $"the checks took longer than {core.Options.ReviewTimeout.TotalSeconds:0} seconds"
                );
            }
            catch (ReviewException e) when (attempt < Tries)
            {
                LogTryAgain(core.Logger, answer.PublicId, e.Message);
            }
            finally
            {
                _places.Release();
            }

            await Task.Delay(BetweenTries * attempt, core.Time, ct);
        }
    }

    private async Task<AskedTask> AskAsync(NewTask wanted, CancellationToken ct)
    {
        // No token: the task is made or not, and after a restart found again by its key.
        var submission = await core.Intake.SubmitAsync(wanted, CancellationToken.None);
        if (submission.Task is not { } asked)
        {
            throw new ReviewException($"a check's own task was not taken: {submission.Reason ?? "the queue is full"}");
        }

        try
        {
            TaskRow row;
            do
            {
                row = await asked.WaitAsync(AskedHold, ct);
            } while (!row.IsFinal);

            return new AskedTask(row, await asked.ReadResultAsync(ct));
        }
        catch (OperationCanceledException) when (!_stopping.IsCancellationRequested)
        {
            core.Cancel(asked.Task, "the task whose answer it was to check needs that no more");
            throw;
        }
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "The answer of {TaskId} could not be judged, and is tried again: {Reason}"
    )]
    private static partial void LogTryAgain(ILogger logger, string taskId, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "The answer of {TaskId} could not be judged")]
    private static partial void LogNotJudged(ILogger logger, Exception exception, string taskId);
}
