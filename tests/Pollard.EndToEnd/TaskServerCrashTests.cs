using System.Globalization;
using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>An agent of a task server, and a gateway that is its server: killed one after the other, and both at once.</summary>
public sealed class TaskServerCrashTests : IDisposable
{
    private const int TasksOfRound = 6;
    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("pollard-crash-");

    private static int Rounds { get; } =
        int.Parse(Environment.GetEnvironmentVariable("POLLARD_CRASH_ROUNDS") ?? "6", CultureInfo.InvariantCulture);

    public void Dispose() => _data.Delete(recursive: true);

    [Fact]
    public async Task Nothing_is_lost_and_nothing_counts_twice_when_agent_and_gateway_are_killed()
    {
        var random = new Random(7);
        List<string> ids = [];
        await using var gateway = await GatewayProcess.StartAsync();
        var agent = TaskServerAgent.Start(gateway.Url, _data.FullName);
        try
        {
            for (var round = 0; round < Rounds; round++)
            {
                for (var task = 0; task < TasksOfRound; task++)
                {
                    ids.Add(await GatewayTasks.SubmitAsync(gateway, timeoutSeconds: 14));
                }

                var goal = await GatewayTasks.CompletedAsync(gateway, TestContext.Current.CancellationToken);
                goal = Math.Min(goal + random.Next(1, TasksOfRound), ids.Count);
                await agent.UntilAsync(
                    async ct => await GatewayTasks.CompletedAsync(gateway, ct) >= goal,
                    $"{goal} tasks are completed in round {round}"
                );
                if (round % 3 is 0 or 2)
                {
                    await agent.KillAsync();
                }

                if (round % 3 is 1 or 2)
                {
                    await gateway.KillAndRestartAsync();
                }

                if (agent.HasExited)
                {
                    await agent.DisposeAsync();
                    agent = TaskServerAgent.Start(gateway.Url, _data.FullName);
                }
            }

            foreach (var id in ids)
            {
                await GatewayTasks.CheckCompletedOnceAsync(gateway, id);
            }

            Assert.Equal(0, await agent.StopAsync());
            Assert.Empty(TaskServerAgent.Kept(_data.FullName, ".task"));
        }
        finally
        {
            await agent.DisposeAsync();
        }
    }
}
