using Microsoft.Extensions.Logging;
using Pollard.Agent.Backends.Http;

namespace Pollard.Agent.Backends.Commands;

/// <summary>
/// Programs that are started before anybody asks, so that an answer need not wait for the start. They are started for what was
/// asked for most of late: the model, the system prompt, the schema and the servers are part of how a program is called.
/// </summary>
internal sealed partial class WarmPool(
    CommandDialect dialect,
    CommandBackendOptions options,
    int size,
    CommandRuns runs,
    TimeProvider time,
    ILogger logger
) : IAsyncDisposable
{
    private const int MostRemembered = 16;
    private const int MostRememberedCharacters = 256 * 1024;
    private const int MostDoublings = 6;

    // What a program has read of its owner's settings and login grows old.
    private static readonly TimeSpan MostAge = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly List<Spare> _spares = [];
    private readonly Queue<Shape> _asked = [];
    private Task _stopping = Task.CompletedTask;
    private long _pausedSince;
    private int _died;
    private bool _isClosed;

    /// <summary>A program that was started for such a run; null when there is none.</summary>
    public Spare? Take(RunContext run)
    {
        if (run.Session is not null || run.Folder.HasAdopted)
        {
            return null; // It goes on with a conversation, in the directory of that.
        }

        lock (_gate)
        {
            var shape = Shape.Of(run);
            var found = _spares.Find(spare => spare.Shape == shape && !spare.Process.HasExited);
            if (found is not null)
            {
                _spares.Remove(found);
                _died = 0;
            }

            return found;
        }
    }

    /// <summary>A run of this shape has begun well: the next one may be the same.</summary>
    public void Asked(RunContext run)
    {
        var shape = Shape.Of(run);
        lock (_gate)
        {
            if (run.Session is null && shape.Characters <= MostRememberedCharacters)
            {
                _asked.Enqueue(shape);
                if (_asked.Count > MostRemembered)
                {
                    _asked.Dequeue();
                }
            }

            Fill();
        }
    }

    /// <summary>Replaces what has ended or grown old; to be called now and then.</summary>
    public void Refresh()
    {
        lock (_gate)
        {
            foreach (var spare in _spares.FindAll(spare => spare.Process.HasExited))
            {
                _pausedSince = time.GetTimestamp();
                _died++;
                LogDied(logger, dialect.Name);
                Stop(spare);
            }

            foreach (var spare in _spares.FindAll(spare => time.GetElapsedTime(spare.StartedAt) > MostAge))
            {
                Stop(spare);
            }

            Fill();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _isClosed = true;
            _spares.ToList().ForEach(Stop);
        }

        await _stopping;
    }

    private void Fill()
    {
        if (
            _isClosed
            || (_died > 0 && time.GetElapsedTime(_pausedSince) < FirstPause * (1 << Math.Min(_died - 1, MostDoublings)))
        )
        {
            return;
        }

        var missing = Wanted();
        foreach (var spare in _spares.ToList())
        {
            if (!missing.Remove(spare.Shape))
            {
                Stop(spare);
            }
        }

        missing.ForEach(Start);
    }

    /// <summary>What to have: each next one for the shape that was asked for most, measured by how many it has already.</summary>
    private List<Shape> Wanted()
    {
        // What was asked for once is not asked for again, most often; at first there is nothing to go by.
        var votes = _asked
            .GroupBy(shape => shape)
            .Select(same => (Shape: same.Key, Votes: same.Count()))
            .Where(asked => asked.Votes > 1)
            .DefaultIfEmpty((Shape: Shape.Usual(dialect.Name), Votes: 1))
            .ToList();
        List<Shape> wanted = [];
        while (wanted.Count < size)
        {
            wanted.Add(
                votes
                    .OrderByDescending(asked => asked.Votes / (1.0 + wanted.Count(asked.Shape.Equals)))
                    .ThenByDescending(asked => _spares.Exists(spare => spare.Shape == asked.Shape)) // Rather than start another.
                    .First()
                    .Shape
            );
        }

        return wanted;
    }

    private void Start(Shape shape)
    {
        var folder = runs.NewSpare(options.Directory);
        var mark = ProgramCall.NewMark("spare");
        try
        {
            var call = ProgramCall.Of(dialect, options, shape.Run(folder));
            folder.Remember(mark, dialect.Name, session: null);
            _spares.Add(new(shape, folder, ChildProcess.Start(call, mark, time), mark, time.GetTimestamp()));
        }
        catch (Exception e) when (e is BackendException or IOException or UnauthorizedAccessException)
        {
            folder.Dispose();
            _pausedSince = time.GetTimestamp();
            _died++;
            LogNotStarted(logger, dialect.Name, e.Message);
        }
    }

    private void Stop(Spare spare)
    {
        _spares.Remove(spare);
        _stopping = Task.WhenAll(_stopping, StopAsync());

        async Task StopAsync()
        {
            await spare.Process.DisposeAsync();
            spare.Folder.Dispose();
        }
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "{Name} ended while it waited for work; others are started in advance after a pause"
    )]
    private static partial void LogDied(ILogger logger, string name);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Name} cannot be started in advance: {Why}")]
    private static partial void LogNotStarted(ILogger logger, string name, string why);

    /// <summary>A program that waits for work.</summary>
    internal sealed record Spare(Shape Shape, RunFolder Folder, ChildProcess Process, string Mark, long StartedAt);

    /// <summary>All of a request that decides how a program is called.</summary>
    internal sealed record Shape(
        string Model,
        string? System,
        string? Schema,
        bool IsJson,
        string? Effort,
        string Servers
    )
    {
        public int Characters => (System?.Length ?? 0) + (Schema?.Length ?? 0);

        public static Shape Of(RunContext run) =>
            new(
                run.Model,
                run.Request.System,
                run.Request.Schema,
                run.Request.IsJson,
                run.Request.Effort,
                string.Join('\n', run.Request.Servers)
            );

        public static Shape Usual(string model) => new(model, null, null, IsJson: false, null, "");

        public RunContext Run(RunFolder folder) =>
            new()
            {
                Request = new()
                {
                    Prompt = "",
                    System = System,
                    Schema = Schema,
                    IsJson = IsJson,
                    Effort = Effort,
                    Servers = Servers.Split('\n', StringSplitOptions.RemoveEmptyEntries),
                },
                Model = Model,
                Folder = folder,
            };
    }
}
