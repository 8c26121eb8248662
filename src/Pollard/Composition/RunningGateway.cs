using Microsoft.Extensions.Logging;
using Pollard.Configuration;
using Pollard.Gateway;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Observability;
using Pollard.Gateway.Validation;
using Pollard.Storage.Sqlite;
using Pollard.Tasks;

namespace Pollard.Composition;

/// <summary>A gateway on its store: opened in this order, closed in the opposite one.</summary>
internal sealed class RunningGateway : IAsyncDisposable
{
    private readonly TaskEngine _engine;
    private readonly Telemetry _telemetry;

    private RunningGateway(TaskEngine engine, GatewayServer server, Telemetry telemetry)
    {
        _engine = engine;
        _telemetry = telemetry;
        Server = server;
    }

    public GatewayServer Server { get; }

    public TaskEngine Engine => _engine;

    public static async Task<RunningGateway> StartAsync(
        Settings settings,
        IReadOnlyList<ModelRoute> routes,
        Action<ILoggingBuilder> logging,
        ILoggerFactory loggers,
        TimeProvider time,
        CancellationToken ct
    )
    {
        DataDirectory.Create(settings.DataPath);
        var storeOptions = new SqliteStoreOptions { Directory = settings.DataPath };
        var options = GatewaySettings.ReadGateway(settings) with { DatabasePath = storeOptions.DatabasePath };
        options = options with { Routes = [.. options.Routes, .. routes], Settings = settings.Describe() };
        var telemetry = Telemetry.Start(TelemetrySettings.Read(settings, "pollard-gateway"));
        var store = new SqliteTaskStore(storeOptions, time, loggers.CreateLogger<SqliteTaskStore>());
        var review = new AnswerReview(time);
        TaskEngine engine;
        try
        {
            engine = await TaskEngine.StartAsync(
                store,
                new ResultAssembler(),
                review,
                GatewaySettings.ReadEngine(settings),
                time,
                Random.Shared,
                loggers.CreateLogger<TaskEngine>(),
                ct
            );
        }
        catch
        {
            await store.DisposeAsync();
            telemetry.Dispose();
            throw;
        }

        try
        {
            var server = await GatewayServer.StartAsync(options, engine, review, store, telemetry, time, logging, ct);
            return new RunningGateway(engine, server, telemetry);
        }
        catch (IOException e)
        {
            await engine.DisposeAsync();
            telemetry.Dispose();
            throw new CommandFailedException(
                $"{e.Message.TrimEnd('.')}. Stop the program that is there, or choose other ports with --urls and --link-url.",
                e
            );
        }
        catch
        {
            await engine.DisposeAsync();
            telemetry.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await _engine.DisposeAsync(); // With its store.
        _telemetry.Dispose(); // Last: what was not sent yet is.
    }
}
