using Pollard.Bench.Machine;

namespace Pollard.Bench.Voice;

/// <summary>The real program as people run it for calls: a pool with a simulated model, and all services in one process.</summary>
internal sealed class SpokenScene : IAsyncDisposable
{
    private readonly List<ChildProcess> _running = [];
    private readonly int _stt = Ports.Free();
    private readonly int _tts = Ports.Free();

    private SpokenScene(string folder) => Folder = folder;

    /// <summary>Where its files are.</summary>
    public string Folder { get; }

    /// <summary>Starts it, and waits until it can be called.</summary>
    /// <param name="folder">Where its files are.</param>
    /// <param name="grammar">The sentences that are understood.</param>
    /// <param name="model">What the model is called.</param>
    /// <param name="answers">What it answers, as the simulator takes it.</param>
    public static async Task<SpokenScene> StartAsync(
        string folder,
        string grammar,
        string model,
        IEnumerable<string> answers
    )
    {
        var scene = new SpokenScene(folder);
        try
        {
            var (server, gateway) = (Address(), Address());
            scene.Start(
                "model",
                ["simulate", "openai", "--url", server, "--models", model, "--first-token", "50ms", .. answers]
            );
            await Ports.UntilOpenAsync(new Uri(server).Port);
            var data = Path.Combine(folder, "data");
            scene.Start("pool", ["up", "--openai", server, "--urls", gateway, "--link-url", "none", "--data", data]);
            await Ports.UntilAnswersAsync(new Uri(gateway).Port, "/healthz");
            scene.Start(
                "services",
                [
                    "voice",
                    "all",
                    "--gateway",
                    gateway,
                    "--data",
                    data,
                    "--stt",
                    $"127.0.0.1:{scene._stt}",
                    "--llm",
                    $"127.0.0.1:{Ports.Free()}",
                    "--tts",
                    $"127.0.0.1:{scene._tts}",
                    "--stt-engine",
                    $"pocketsphinx:{grammar}",
                ]
            );
            await Ports.UntilOpenAsync(scene._stt);
            await Ports.UntilOpenAsync(scene._tts);
            return scene;
        }
        catch
        {
            await scene.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes a test call.</summary>
    /// <param name="question">What the caller says, a WAV file.</param>
    /// <param name="answer">Where what they hear is written.</param>
    /// <param name="silence">The silence that ends what they say.</param>
    /// <returns>What came of it, a line of JSON.</returns>
    public string Call(string question, string answer, string silence) =>
        SystemTool
            .Run(
                PollardProgram.File,
                "voice",
                "call",
                question,
                "--out",
                answer,
                "--end-silence",
                silence,
                "--stt",
                $"127.0.0.1:{_stt}",
                "--tts",
                $"127.0.0.1:{_tts}",
                "--json"
            )
            .Output;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var process in Enumerable.Reverse(_running))
        {
            await process.DisposeAsync();
        }
    }

    private void Start(string name, IEnumerable<string> arguments) =>
        _running.Add(ChildProcess.Start(name, PollardProgram.File, arguments));

    private static string Address() => $"http://127.0.0.1:{Ports.Free()}";
}
