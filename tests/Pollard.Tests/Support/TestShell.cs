namespace Pollard.Tests.Support;

/// <summary>A call of the program within the test: what it is given, and what it said.</summary>
internal sealed class TestShell : IDisposable
{
    private readonly HeardWriter _out = new() { NewLine = "\n" };
    private readonly StringWriter _error = new() { NewLine = "\n" };

    public Dictionary<string, string> Variables { get; } =
        new(StringComparer.Ordinal)
        {
            // Nothing of the machine that the tests run on.
            ["HOME"] = "/nonexistent",
        };

    /// <summary>What is piped in; null: a person sits there.</summary>
    public string? Input { get; init; }

    /// <summary>True when a person reads what comes out.</summary>
    public bool IsTerminal { get; init; }

    /// <summary>True when a person sees the error stream, also where the output goes elsewhere.</summary>
    public bool ErrorIsTerminal { get; init; }

    /// <summary>The clock of the program.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Where an Ollama is looked for; nobody answers at port 1.</summary>
    public Uri Ollama { get; init; } = new("http://127.0.0.1:1");

    public string Out => _out.ToString();

    public string Error => _error.ToString();

    /// <summary>The first line that comes out; a server says with it that it can be called.</summary>
    public Task<string> FirstLine => _out.FirstLine;

    public void Dispose()
    {
        _out.Dispose();
        _error.Dispose();
    }

    /// <summary>Runs the program against a gateway.</summary>
    public Task<int> RunAsync(ScriptedGateway gateway, params string[] arguments)
    {
        Variables["POLLARD_GATEWAY"] = gateway.Url.ToString();
        return RunUntilAsync(TestContext.Current.CancellationToken, arguments);
    }

    /// <summary>Runs the program.</summary>
    public Task<int> RunAsync(params string[] arguments) =>
        RunUntilAsync(TestContext.Current.CancellationToken, arguments);

    /// <summary>Runs the program until the token says otherwise.</summary>
    public Task<int> RunUntilAsync(CancellationToken ended, params string[] arguments) =>
        CommandLine.RunAsync(
            arguments,
            new Shell
            {
                In = new StringReader(Input ?? ""),
                Out = _out,
                Error = _error,
                InIsTerminal = Input is null,
                OutIsTerminal = IsTerminal,
                ErrorIsTerminal = IsTerminal || ErrorIsTerminal,
                Time = Time,
                Ollama = Ollama,
                Environment = name => Variables.GetValueOrDefault(name),
            },
            ended
        );
}

/// <summary>Keeps what is written, and tells of the first whole line.</summary>
internal sealed class HeardWriter : StringWriter
{
    private readonly TaskCompletionSource<string> _firstLine = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<string> FirstLine => _firstLine.Task;

    public override void WriteLine(string? value)
    {
        base.WriteLine(value);
        _firstLine.TrySetResult(value ?? "");
    }
}
