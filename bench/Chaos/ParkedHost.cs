using System.Globalization;
using Pollard.Bench.Machine;

namespace Pollard.Bench.Chaos;

/// <summary>What happens to a host.</summary>
internal enum Blow
{
    /// <summary>SIGKILL; it starts anew at once.</summary>
    Killed,

    /// <summary>SIGSTOP, and SIGCONT a while later: its connections stay open and say nothing.</summary>
    Frozen,

    /// <summary>Its network goes away for a while, and its programs go on.</summary>
    Unplugged,
}

/// <summary>A volunteer's machine: an agent and the model that it serves, each a process. It can be struck, and comes back.</summary>
/// <param name="name">Its name in the pool.</param>
/// <param name="plan">What all of them are like.</param>
/// <param name="gateway">The address of whom it serves.</param>
/// <param name="token">What it joins with; null: nothing.</param>
/// <param name="folder">Where its identity is, over its restarts.</param>
/// <param name="machine">Where it runs; null: beside all others.</param>
internal sealed class ParkedHost(
    string name,
    ChaosPlan plan,
    string gateway,
    string? token,
    string folder,
    NetworkMachine? machine
) : IAsyncDisposable
{
    private SimulatedModel? _model;
    private ChildProcess? _agent;

    /// <summary>Its name in the pool.</summary>
    public string Name => name;

    /// <summary>False before its start, and while it suffers a blow.</summary>
    public bool IsWell { get; private set; }

    /// <summary>Starts both; the model is there when this ends.</summary>
    public async Task StartAsync()
    {
        _model = await SimulatedModel.StartAsync("ollama", plan.TokensPerSecond, plan.Tokens, machine);
        _agent = ChildProcess.Start(
            name,
            PollardProgram.File,
            [
                "agent",
                "--gateway",
                gateway,
                "--ollama",
                _model.Url,
                "--slots",
                plan.SlotsOfHost.ToString(CultureInfo.InvariantCulture),
                "--name",
                name,
                "--log-level",
                "error",
                "--data",
                folder,
                .. token is null ? (string[])[] : ["--join", token],
            ],
            machine: machine
        );
        IsWell = true;
    }

    /// <summary>Strikes it; ends when it is well again.</summary>
    /// <param name="blow">What happens to it.</param>
    /// <param name="away">How long it is away, when it is not killed.</param>
    /// <param name="ct">Leaves it as it is.</param>
    public async Task SufferAsync(Blow blow, TimeSpan away, CancellationToken ct)
    {
        IsWell = false;
        switch (blow)
        {
            case Blow.Killed:
                await DisposeAsync();
                await StartAsync();
                break;
            case Blow.Frozen:
                await SignalAsync("STOP");
                await Task.Delay(away, ct);
                await SignalAsync("CONT");
                break;
            default:
                machine!.Unplug();
                await Task.Delay(away, ct);
                machine.Plug();
                break;
        }

        IsWell = true;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var part in (IAsyncDisposable?[])[_agent, _model])
        {
            if (part is not null)
            {
                await part.DisposeAsync();
            }
        }
    }

    private Task SignalAsync(string signal) => Task.WhenAll(_agent!.SignalAsync(signal), _model!.SignalAsync(signal));
}
