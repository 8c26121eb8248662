using System.Globalization;
using Pollard.Bench.Machine;

namespace Pollard.Bench.Chaos;

/// <summary>A model that answers the same to the same, so that an answer can be compared with what it must be.</summary>
/// <param name="process">What runs it.</param>
/// <param name="url">Where it answers, on its own machine only.</param>
internal sealed class SimulatedModel(ChildProcess process, string url) : IAsyncDisposable
{
    private const string SaysWhere = "answers at ";

    /// <summary>Where it answers, on its own machine only.</summary>
    public string Url => url;

    /// <summary>Starts one.</summary>
    /// <param name="dialect">What it speaks.</param>
    /// <param name="tokensPerSecond">Of each answer; 0: all at once.</param>
    /// <param name="tokens">The length of its answers.</param>
    /// <param name="machine">Where it runs; null: here.</param>
    public static async Task<SimulatedModel> StartAsync(
        string dialect,
        int tokensPerSecond,
        int tokens,
        NetworkMachine? machine = null
    )
    {
        var process = ChildProcess.Start(
            $"{dialect} model",
            PollardProgram.File,
            [
                "simulate",
                dialect,
                "--url",
                "http://127.0.0.1:0",
                "--tokens-per-second",
                tokensPerSecond.ToString(CultureInfo.InvariantCulture),
                "--tokens",
                tokens.ToString(CultureInfo.InvariantCulture),
            ],
            machine: machine
        );
        var line = await process.UntilSaysAsync(SaysWhere);
        return new SimulatedModel(process, line.Split(SaysWhere)[1]);
    }

    /// <summary>Sends a signal by its name.</summary>
    public Task SignalAsync(string signal) => process.SignalAsync(signal);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => process.DisposeAsync();
}
