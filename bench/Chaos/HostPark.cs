using System.Globalization;
using Pollard.Bench.Machine;

namespace Pollard.Bench.Chaos;

/// <summary>Agents in processes of their own, before one model: they can be killed and frozen, and come back.</summary>
/// <param name="gateway">Whom they serve.</param>
/// <param name="model">The address of the model.</param>
/// <param name="count">How many they are.</param>
/// <param name="streams">Answers that all of them together are to have room for, twice.</param>
internal sealed class HostPark(RunningGateway gateway, string model, int count, int streams) : IAsyncDisposable
{
    private readonly BenchFolder _folder = new(null);
    private readonly ChildProcess?[] _agents = new ChildProcess?[count];
    private readonly List<Task> _thawing = [];

    /// <summary>Starts all of them and waits until they are there and can go on with answers.</summary>
    public async Task StartAllAsync()
    {
        for (var i = 0; i < count; i++)
        {
            _agents[i] = Start(i);
            await Task.Delay(TimeSpan.FromMilliseconds(50)); // They would all keep each other from starting.
        }

        while (await AbleAsync() < count)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(200));
        }
    }

    /// <summary>Kills one and starts it anew, or freezes it for a while; one that is frozen is left alone.</summary>
    public async Task StrikeAsync(Random random, TimeSpan? freezes)
    {
        int victim;
        do
        {
            victim = random.Next(count);
        } while (_agents[victim] is null);

        var agent = _agents[victim]!;
        _agents[victim] = null;
        if (freezes is { } time)
        {
            await agent.SignalAsync("STOP");
            _thawing.Add(ThawAsync(victim, agent, time));
        }
        else
        {
            await agent.DisposeAsync();
            _agents[victim] = Start(victim);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(_thawing);
        foreach (var agent in _agents)
        {
            if (agent is not null)
            {
                await agent.DisposeAsync();
            }
        }

        _folder.Dispose();
    }

    private async Task ThawAsync(int victim, ChildProcess agent, TimeSpan after)
    {
        await Task.Delay(after);
        await agent.SignalAsync("CONT");
        _agents[victim] = agent;
    }

    private async Task<int> AbleAsync()
    {
        var text = await gateway.Http.GetStringAsync("/v1/hosts?limit=1000");
        return text.Split("\"prefill\"").Length - 1;
    }

    private ChildProcess Start(int number)
    {
        var name = $"host{number.ToString(CultureInfo.InvariantCulture)}";
        return ChildProcess.Start(
            name,
            PollardProgram.File,
            [
                "agent",
                "--gateway",
                gateway.Url,
                "--ollama",
                model,
                "--slots",
                Math.Max(2, streams * 2 / count).ToString(CultureInfo.InvariantCulture),
                "--name",
                name,
                "--log-level",
                "error",
                "--data",
                Path.Combine(_folder.Path, name),
            ]
        );
    }
}
