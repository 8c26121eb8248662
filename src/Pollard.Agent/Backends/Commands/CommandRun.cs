using System.Security.Cryptography;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Pipeline;

namespace Pollard.Agent.Backends.Commands;

/// <summary>One attempt on a command, from the request to the end of its last process.</summary>
internal sealed class CommandRun(
    CommandDialect dialect,
    CommandBackendOptions options,
    CommandRuns runs,
    TimeProvider time,
    WorkItem work,
    IWorkOutput target
)
{
    private static readonly string[] UsualVariables = ["PATH", "HOME", "LANG", "TERM", "TMPDIR"];
    private readonly RunOutput _output = new(target, time);

    /// <summary>Runs it. A cancelled token ends all its processes before this throws.</summary>
    public async Task<WorkResult> RunAsync(CancellationToken ct)
    {
        var request = CommandRequest.Read(work, dialect.Name);
        using var folder = await runs.BeginAsync(work.Offer.Task, WaitAsync, ct);
        folder.Create();
        var before = folder.Journal.Read();
        RunContext context = new()
        {
            Request = request,
            Model = work.Offer.Model,
            Folder = folder,
            Directory = options.Directory ?? folder.WorkingDirectory,
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
        catch (OperationCanceledException) when (run.Folder.Journal.Read() is { Session: { } begun })
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
            dialect.Forget(session, run.Directory);
        }
    }

    /// <summary>Calls the command once.</summary>
    /// <returns>How it ended, and the name of the conversation if it came to one.</returns>
    private async Task<(WorkResult Result, string? Session)> CallAsync(RunContext run, CancellationToken ct)
    {
        var mark = $"{work.Offer.Task}.{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}";
        var journal = run.Folder.Journal;
        journal.Write(new(mark, dialect.Name, run.Session));
        var call = dialect.Call(run);
        var reader = dialect.Reader(run);
        reader.SessionKnown = session => journal.Write(new(mark, dialect.Name, session));
        var program = Executable.Find(dialect.Program) ?? dialect.Program;
        ProgramCall start = new(program, call.Arguments, run.Directory, EnvironmentOf(call));
        var process = ChildProcess.Start(start, mark, time);
        await using (process)
        {
            process.Feed(call.Input);
            try
            {
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

    private Dictionary<string, string> EnvironmentOf(CommandCall call)
    {
        Dictionary<string, string> environment = new(StringComparer.Ordinal);
        foreach (var name in UsualVariables.Concat(options.Environment))
        {
            if (Environment.GetEnvironmentVariable(name) is { } value)
            {
                environment[name] = value;
            }
        }

        foreach (var (name, value) in call.Environment)
        {
            environment[name] = value;
        }

        return environment;
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
