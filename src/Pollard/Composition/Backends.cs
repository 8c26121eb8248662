using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Pollard.Agent.Backends;
using Pollard.Configuration;
using Pollard.Protocol;

namespace Pollard.Composition;

/// <summary>What the settings say that work is run on.</summary>
internal sealed class Backends(Settings settings, TimeProvider time, ILoggerFactory loggers) : IAsyncDisposable
{
    private static readonly TimeSpan DemoIteration = TimeSpan.FromMilliseconds(100);
    private readonly List<object> _made = [];

    /// <summary>The backends that the settings name; none when they name none.</summary>
    public IReadOnlyList<IBackend> Named()
    {
        List<IBackend> backends = [];
        if (settings.Address(BackendSettings.Ollama) is { } ollama)
        {
            backends.Add(Ollama(ollama));
        }

        var key = settings.Secret(BackendSettings.OpenAiKeyFile);
        foreach (var server in settings.Addresses(BackendSettings.OpenAi))
        {
            backends.Add(OpenAi(new OpenAiBackendOptions { BaseUrl = server, ApiKey = key }));
        }

        backends.AddRange(Commands());
        backends.AddRange(Tools());
        return backends;
    }

    /// <summary>An Ollama.</summary>
    public IBackend Ollama(Uri url) =>
        Keep(
            new OllamaBackend(new OllamaBackendOptions { BaseUrl = url }, time, loggers.CreateLogger<OllamaBackend>())
        );

    /// <summary>What an agent of a task server has when nothing else is named.</summary>
    public IBackend Demo() => new IterationsBackend(DemoIteration, time, loggers.CreateLogger<IterationsBackend>());

    /// <summary>The upstream; null when there is none.</summary>
    public IBackend? Upstream()
    {
        if (settings.Address(BackendSettings.Upstream) is not { } url)
        {
            return null;
        }

        var models = settings.Texts(BackendSettings.UpstreamModels);
        return OpenAi(
            new OpenAiBackendOptions
            {
                BaseUrl = url,
                ApiKey = settings.Secret(BackendSettings.UpstreamKeyFile),
                FirstToken = settings.Duration(BackendSettings.UpstreamFirstToken) ?? TimeSpan.FromMinutes(5),
                Stall = settings.Duration(BackendSettings.UpstreamStall) ?? TimeSpan.FromMinutes(1),
                Probe = false, // It may cost money.
                Models =
                    models.Count == 0 || models.Contains("*", StringComparer.Ordinal)
                        ? [OpenAiBackendOptions.AnyModel]
                        : [.. models.Select(model => new ModelInfo { Name = model })],
            }
        );
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var made in _made.AsEnumerable().Reverse()) // The commands before the folders of their runs.
        {
            if (made is IAsyncDisposable ends)
            {
                await ends.DisposeAsync();
            }
            else if (made is IDisposable disposable)
            {
                disposable.Dispose();
            }
        }
    }

    private IEnumerable<IBackend> Commands()
    {
        var commands = CommandSettings.Read(settings);
        if (commands.Count == 0)
        {
            return [];
        }

        DataDirectory.Create(settings.DataPath);
        var slots = BackendSettings.ReadCommandSlots(settings);
        var runs = Keep(new CommandRuns(settings.DataPath, slots, time, loggers.CreateLogger<CommandRuns>()));
        return
        [
            .. commands.Select(options =>
                Keep(new CommandBackend(options, runs, time, loggers.CreateLogger<CommandBackend>()))
            ),
        ];
    }

    private IEnumerable<IBackend> Tools()
    {
        foreach (var options in ToolSettings.Read(settings))
        {
            yield return Keep(Tool(options));
        }
    }

    private HttpToolBackend Tool(HttpToolOptions options)
    {
        try
        {
            return new HttpToolBackend(options, time, loggers.CreateLogger<HttpToolBackend>());
        }
        catch (Exception e)
            when (e is ArgumentException or IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new UsageException($"Tool \"{options.Name}\" cannot be used: {e.Message}", e);
        }
    }

    private OpenAiBackend OpenAi(OpenAiBackendOptions options) =>
        Keep(
            new OpenAiBackend(
                options with
                {
                    AllowUrls = settings.IsOn(BackendSettings.AllowUrls),
                },
                time,
                loggers.CreateLogger<OpenAiBackend>()
            )
        );

    private T Keep<T>(T made)
        where T : class
    {
        _made.Add(made);
        return made;
    }
}
