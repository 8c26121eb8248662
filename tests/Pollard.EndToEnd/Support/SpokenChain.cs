using System.Diagnostics;
using System.Text.Json;
using Pollard.Voice.Audio;
using Pollard.Voice.Engines;
using Pollard.Voice.Engines.Pocketsphinx;

namespace Pollard.EndToEnd.Support;

/// <summary>
/// The services of calls as processes with real engines, a gateway with a model whose answer is known, and callers who ask it aloud.
/// </summary>
internal sealed class SpokenChain : IAsyncDisposable
{
    public const string Answer = "Please call me back tomorrow morning.";
    public const string Understood = "please call me back tomorrow morning";
    private const string Question = "What time is it?";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("pollard-voice-");
    private readonly Dictionary<string, PollardProcess> _services = [];
    private GatewayProcess? _gateway;
    private PollardProcess? _model;
    private PollardProcess? _agent;

    /// <summary>Where recognition is.</summary>
    public string Stt { get; set; } = $"127.0.0.1:{ServicePort()}";

    /// <summary>Where the model stage is.</summary>
    public string Llm { get; set; } = $"127.0.0.1:{ServicePort()}";

    /// <summary>Where speech is.</summary>
    public string Tts { get; set; } = $"127.0.0.1:{ServicePort()}";

    /// <summary>What the caller says, a file.</summary>
    public string Asked => Path.Combine(_folder.FullName, "question.wav");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Grammar => Path.Combine(_folder.FullName, "sentences.jsgf");

    /// <summary>A service's process.</summary>
    public PollardProcess this[string service] => _services[service];

    /// <summary>A file of this chain's own.</summary>
    public string File(string name) => Path.Combine(_folder.FullName, name);

    public async ValueTask DisposeAsync()
    {
        foreach (var service in _services.Values)
        {
            await service.DisposeAsync();
        }

        foreach (var process in (PollardProcess?[])[_agent, _model])
        {
            if (process is not null)
            {
                await process.DisposeAsync();
            }
        }

        if (_gateway is not null)
        {
            await _gateway.DisposeAsync();
        }

        _folder.Delete(recursive: true);
    }

    /// <summary>Starts the gateway, and a host with the model.</summary>
    public async Task StartGatewayAsync(double tokensPerSecond = 200)
    {
        var port = PollardProcess.FreePort();
        _model = PollardProcess.Start(
            "simulate",
            "openai",
            "--url",
            $"http://127.0.0.1:{port}",
            "--models",
            "spoken",
            "--tokens-per-second",
            $"{tokensPerSecond}",
            "--answer",
            $"time={Answer}"
        );
        _gateway = await GatewayProcess.StartAsync();
        _agent = PollardProcess.Start(
            "agent",
            "--gateway",
            _gateway.Url,
            "--openai",
            $"http://127.0.0.1:{port}",
            "--data",
            Path.Combine(_folder.FullName, "agent")
        );
        await System.IO.File.WriteAllTextAsync(
            Grammar,
            "#JSGF V1.0;\ngrammar sentences;\npublic <s> = what time is it | please call me back tomorrow morning | cancel my appointment | change my address ;\n",
            Token
        );
        await RunAsync("flite", "-voice", "rms", "-t", Question, "-o", Asked);
        await _gateway.UntilModelAsync("spoken");
    }

    /// <summary>Starts a service.</summary>
    /// <param name="service">Which.</param>
    /// <param name="wrapper">Where it runs; null: here.</param>
    /// <param name="more">What else it is told.</param>
    public void Start(string service, string[]? wrapper = null, params string[] more) =>
        _services[service] = PollardProcess.Start(wrapper, [.. Arguments(service), .. more]);

    /// <summary>Kills a service, and lets it start anew.</summary>
    public async Task KillAsync(string service)
    {
        await _services[service].KillAsync();
        await _services[service].DisposeAsync();
        _services.Remove(service);
    }

    /// <summary>Makes a test call.</summary>
    public PollardProcess Dial(params string[] more) =>
        PollardProcess.Start(["voice", "call", Asked, "--stt", Stt, "--tts", Tts, .. more]);

    /// <summary>Makes a test call, and waits for what comes of it.</summary>
    public async Task<(JsonElement Result, int Code)> CallAsync(params string[] more)
    {
        await using var call = Dial([.. more, "--json", "--log-level", "none"]);
        var code = await call.UntilExitAsync();
        using var result = JsonDocument.Parse(call.Output);
        return (result.RootElement.Clone(), code);
    }

    /// <summary>How the services are.</summary>
    public async Task<JsonElement> StatusAsync()
    {
        await using var status = PollardProcess.Start(
            "voice",
            "status",
            "--json",
            "--stt",
            Stt,
            "--llm",
            Llm,
            "--tts",
            Tts
        );
        await status.UntilExitAsync();
        using var json = JsonDocument.Parse(status.Output.Split('\n').First(static line => line.StartsWith('[')));
        return json.RootElement.Clone();
    }

    /// <summary>Whether an answer was heard to its end, as the model's stage writes it down while the call lasts.</summary>
    public async Task<bool> IsAnsweredAsync(CancellationToken ct)
    {
        foreach (var file in new DirectoryInfo(File("calls")) is { Exists: true } calls ? calls.GetFiles() : [])
        {
            using var reader = new StreamReader(file.Open(FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
            if ((await reader.ReadToEndAsync(ct)).Contains("\"said\"", StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Hears a file with the engine alone.</summary>
    public async Task<string> RecogniseAsync(string file)
    {
        await using var stream = System.IO.File.OpenRead(Path.Combine(_folder.FullName, file));
        var wav = await WavReader.OpenAsync(stream, Token);
        var sound = await wav.ReadAllAsync(TimeSpan.FromMinutes(1), Token);
        var resampler = new Resampler(wav.Format.Rate, SpeechLimits.Rate);
        var samples = new float[resampler.MostOf(sound.Length)];
        var count = resampler.Process(sound, samples);
        await using var engine = PocketsphinxEngine.Open(
            new PocketsphinxSettings { GrammarFile = Grammar },
            TimeProvider.System
        );
        return (await engine.HearAsync(samples.AsMemory(0, count), Token)).Text;
    }

    /// <summary>Kills all services, and has them forget the call.</summary>
    public async Task StopAllAsync()
    {
        foreach (var service in _services.Values)
        {
            await service.DisposeAsync();
        }

        _services.Clear();
        if (Directory.Exists(File("calls")))
        {
            Directory.Delete(File("calls"), recursive: true);
        }
    }

    private List<string> Arguments(string service)
    {
        List<string> arguments = ["voice", service, "--data", _folder.FullName];
        if (service is "stt" or "all" or "inbound")
        {
            arguments.AddRange(["--stt", Stt]);
        }

        if (service is "stt" or "all")
        {
            arguments.AddRange(["--stt-engine", $"pocketsphinx:{Grammar}"]);
        }

        if (service is "stt" or "llm" or "all")
        {
            arguments.AddRange(["--llm", Llm]);
        }

        if (service is "llm" or "tts" or "all" or "outbound")
        {
            arguments.AddRange(["--tts", Tts]);
        }

        if (service is "llm" or "all")
        {
            arguments.AddRange(["--gateway", _gateway!.Url]);
        }

        return arguments;
    }

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var complaints = process.StandardError.ReadToEndAsync(Token);
        var output = await process.StandardOutput.ReadToEndAsync(Token);
        await process.WaitForExitAsync(Token);
        Assert.True(process.ExitCode == 0, await complaints);
        return output;
    }

    /// <summary>What all services have printed.</summary>
    public string Outputs() => string.Concat(_services.Select(static one => $"\n--- {one.Key}:\n{one.Value.Output}"));

    /// <summary>A port that the system gives to no connection, so that it is still free when a service is started anew.</summary>
    public static int ServicePort() => Random.Shared.Next(20_000, 30_000);
}
