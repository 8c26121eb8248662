using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>Commands under load.</summary>
public sealed class CommandBackendTests
{
    [Fact]
    public async Task Two_hundred_tasks_at_once_each_get_the_answer_to_their_own_prompt()
    {
        await using var agent = await CommandAgent.StartAsync("echo", [], "--command", "echo=/bin/cat");

        var ids = await Task.WhenAll(
            Enumerable.Range(0, 200).Select(number => agent.SubmitAsync("echo", $"the prompt {number}"))
        );

        for (var number = 0; number < ids.Length; number++)
        {
            var result = await agent.UntilCompletedAsync(ids[number]);
            var message = result.GetProperty("choices")[0].GetProperty("message");
            Assert.Equal($"the prompt {number}", message.GetProperty("content").GetString());
        }

        Assert.Empty(agent.LeftOver);
    }
}
