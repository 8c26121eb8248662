using Microsoft.Extensions.Logging;
using Pollard.Agent.Backends.Commands;
using Pollard.Agent.Backends.Http;
using Pollard.Protocol;

namespace Pollard.Agent.Backends;

/// <summary>Runs work on a program of this machine: one process for each attempt.</summary>
public sealed partial class CommandBackend : IBackend, IAsyncDisposable
{
    private readonly CommandDialect _dialect;
    private readonly CommandBackendOptions _options;
    private readonly CommandRuns _runs;
    private readonly WarmPool? _warm;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private bool? _isThere;

    /// <summary>Prepares to run a command; nothing is started yet.</summary>
    /// <param name="options">Which command, and what it may.</param>
    /// <param name="runs">The runs of all commands of this agent.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where it says that the command is not there.</param>
    public CommandBackend(
        CommandBackendOptions options,
        CommandRuns runs,
        TimeProvider time,
        ILogger<CommandBackend> logger
    )
    {
        (_options, _runs, _time, _logger) = (options, runs, time, logger);
        _dialect = options switch
        {
            TemplateOptions template => new Template(template),
            ClaudeCodeOptions claude => new ClaudeCode(claude),
            CodexOptions codex => new Codex(codex),
            _ => throw new ArgumentException($"There is no command for {options.GetType().Name}.", nameof(options)),
        };
        _warm = options is ClaudeCodeOptions { Warm: > 0 and var warm }
            ? new(_dialect, options, warm, runs, time, logger)
            : null;
    }

    /// <inheritdoc/>
    public string Name => $"{_dialect.Engine} {_dialect.Name}";

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ModelInfo>> DiscoverAsync(CancellationToken cancellationToken)
    {
        await _runs.CleanAsync().WaitAsync(cancellationToken);
        _runs.DeleteForgotten();
        var isThere = Executable.Find(_dialect.Program) is not null;
        if (_isThere != isThere && !isThere)
        {
            LogMissing(_logger, _dialect.Name, _dialect.Program);
        }

        _isThere = isThere;
        if (isThere)
        {
            _warm?.Refresh();
        }

        return isThere ? _dialect.Offered() : [];
    }

    /// <inheritdoc/>
    public async Task<WorkResult> RunAsync(WorkItem work, IWorkOutput output, CancellationToken cancellationToken)
    {
        if (work.Offer.Kind is not ("chat" or "command"))
        {
            return WorkResult.Failed(BackendFailure.UnknownKind(work.Offer.Kind, Name));
        }

        try
        {
            CommandRun run = new(_dialect, _options, _runs, _warm, _time, work, output);
            return await run.RunAsync(cancellationToken);
        }
        catch (BackendException e)
        {
            return WorkResult.Failed(e.Failure);
        }
    }

    /// <summary>Ends what was started before work came for it.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_warm is not null)
        {
            await _warm.DisposeAsync();
        }
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "The command {Name} is not offered: {Program} is not there or may not be run. It is looked for again; this is said once"
    )]
    private static partial void LogMissing(ILogger logger, string name, string program);
}
