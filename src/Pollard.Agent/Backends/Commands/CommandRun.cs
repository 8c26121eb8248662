using Pollard.Agent.Backends.Http;
using Pollard.Agent.Pipeline;

namespace Pollard.Agent.Backends.Commands;

/// <summary>One attempt on a command, from the request to the end of its last process.</summary>
internal sealed class CommandRun(
    CommandDialect dialect,
    CommandBackendOptions options,
    CommandRuns runs,
    WarmPool? warm,
    TimeProvider time,
    WorkItem work,
    IWorkOutput target
)
{
    private readonly RunOutput _output = new(target, time);

    /// <summary>Runs it. A cancelled token ends all its processes before this throws.</summary>
    public async Task<WorkResult> RunAsync(CancellationToken ct)
    {
        var request = CommandRequest.Read(work, dialect.Name);
        using var folder = await runs.BeginAsync(work.Offer.Task, WaitAsync, ct);
        folder.Create(options.Directory);
        var before = folder.Remembered;
        if (before?.Folder is { } startedIn)
        {
            folder.Adopt(runs.Reopen(startedIn, options.Directory));
        }

        RunContext context = new()
        {
            Request = request,
            Model = work.Offer.Model,
            Folder = folder,
            Session = before?.Command == dialect.Name ? before.Session : null,
        };
        return await RunAsync(context, ct);

        async Task WaitAsync(Task free)
        {
            if (!free.IsCompleted)
            {
                await _output.PhaseAsync("waiting", "for other work on this machine", ct);
            }

            await _output.AwaitAsync(free, ct);
        }
    }

    /// <summary>Goes on with the conversation of a run that was broken off, or begins anew; decides what is kept for another try.</summary>
    private async Task<WorkResult> RunAsync(RunContext run, CancellationToken ct)
    {
        try
        {
            var (result, reached) = await CallAsync(run, ct);
            if (run.Session is not null && reached is null && result.Finish is null)
            {
                // The conversation is not there any more.
                (result, reached) = await CallAsync(run with { Session = null }, ct);
            }

            if (reached is not null)
            {
                Leave(run, reached, mayComeAgain: result.Failure is { Retryable: true });
            }

            return result;
        }
        catch (OperationCanceledException) when (run.Folder.Remembered is { Session: { } begun })
        {
            Leave(run, begun, MayComeAgain);
            throw;
        }
    }

    /// <summary>False when the task's client cancelled it, or the gateway gave it to another host.</summary>
    private bool MayComeAgain => target is IOfferedWork { Stopping.IsCancellationRequested: false };

    private void Leave(RunContext run, string session, bool mayComeAgain)
    {
        if (mayComeAgain)
        {
            run.Folder.KeepForResume();
        }
        else
        {
            dialect.Forget(session, run.Folder.WorkingDirectory);
        }
    }

    /// <summary>Calls the command: one that waits for work where there is such a one, else one that is started now.</summary>
    /// <returns>How it ended, and the name of the conversation if it came to one.</returns>
    private async Task<(WorkResult Result, string? Session)> CallAsync(RunContext run, CancellationToken ct)
    {
        if (warm?.Take(run) is { } started)
        {
            run.Folder.Adopt(started.Folder);
            var ended = await TalkAsync(run, started.Process, started.Mark, ct);
            if (ended.Session is not null || ended.Result.Finish is not null)
            {
                return ended;
            }

            // It had been waiting for too long, for whatever reason: one that is started now may do better.
        }

        var mark = ProgramCall.NewMark(work.Offer.Task);
        var call = ProgramCall.Of(dialect, options, run);
        run.Folder.Remember(mark, dialect.Name, run.Session); // Before it starts, so that a crash leaves nothing unknown.
        return await TalkAsync(run, ChildProcess.Start(call, mark, time), mark, ct);
    }

    /// <summary>Gives a program its input and reads it to its end.</summary>
    private async Task<(WorkResult Result, string? Session)> TalkAsync(
        RunContext run,
        ChildProcess process,
        string mark,
        CancellationToken ct
    )
    {
        var reader = dialect.Reader(run);
        reader.SessionKnown = session =>
        {
            run.Folder.Remember(mark, dialect.Name, session);
            warm?.Asked(run);
        };
        await using (process)
        {
            try
            {
                run.Folder.Remember(mark, dialect.Name, run.Session);
                process.Feed(dialect.Input(run));
                var exitCode = await ReadAsync(process, reader, ct);
                var result = await reader.EndAsync(exitCode, await process.ErrorsAsync(), _output, ct);
                return (Masked(result), reader.Session);
            }
            catch (LineTooLongException e)
            {
                return (WorkResult.Failed(BackendFailure.TooLong(dialect.Name, e.Bytes)), reader.Session);
            }
            catch (BackendException e)
            {
                return (WorkResult.Failed(e.Failure), reader.Session);
            }
        }
    }

    private async Task<int> ReadAsync(ChildProcess process, CommandReader reader, CancellationToken ct)
    {
        var exiting = process.ExitAsync(ct);
        var reading = reader.ReadAsync(process.Output, _output, ct);
        if (await Task.WhenAny(reading, exiting) == reading)
        {
            await reading; // When reading failed, nobody waits for a program that waits to be read.
        }
        else
        {
            await ((Task)exiting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await reading;
        }

        return await _output.AwaitAsync(exiting, ct);
    }

    /// <summary>Takes what the owner passes on by name, which most often is a key, out of a message that goes elsewhere.</summary>
    private WorkResult Masked(WorkResult result)
    {
        const int LeastCharacters = 6;
        if (result.Failure is not { } failure)
        {
            return result;
        }

        var message = failure.Message;
        foreach (var name in options.Environment)
        {
            if (Environment.GetEnvironmentVariable(name) is { Length: >= LeastCharacters } secret)
            {
                message = message.Replace(secret, "***", StringComparison.Ordinal);
            }
        }

        return WorkResult.Failed(failure with { Message = message });
    }
}
