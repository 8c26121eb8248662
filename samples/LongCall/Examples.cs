using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.AI;
using Pollard.Client;
using Pollard.Protocol.Api;

namespace LongCall;

/// <summary>What docs/client.md shows: a test holds them together.</summary>
internal static class Examples
{
    public static async Task AskAsync()
    {
        using var gateway = new PollardClient(new Uri("http://127.0.0.1:7655"));

        var task = await gateway.Tasks.SubmitChatAsync(new ChatPrompt("qwen3:8b", "Why is the sky blue?"));
        ChatAnswer answer = await task.ResultAsync();
        Console.WriteLine(answer.Text);
    }

    public static async Task StreamAsync(PollardTask task)
    {
        await foreach (var update in task.StreamAsync())
        {
            if (update.Kind == ChatUpdateKind.Text)
            {
                Console.Write(update.Text);
            }
            else if (update.Kind == ChatUpdateKind.Restarted)
            {
                Console.Clear(); // The host was lost; another one begins the answer anew.
            }
        }
    }

    public static async Task TypedAsync(PollardClient gateway)
    {
        var task = await gateway.Tasks.SubmitChatAsync(
            new ChatPrompt("qwen3:8b", "The weather in Paris, made up."),
            SampleJson.Default.Weather
        );
        Weather weather = await task.ResultAsync();
        Console.WriteLine($"{weather.City}: {weather.Degrees} degrees");
    }

    public static async Task ProgressAsync(PollardTask task)
    {
        await foreach (var progress in task.ProgressAsync())
        {
            Console.WriteLine($"{progress.Percent} {progress.Phase} {progress.Message}");
        }

        var ended = await task.WaitAsync(new Progress<TaskProgress>(step => Console.Title = step.Phase ?? ""));
        Console.WriteLine(ended.State);
    }

    public static async Task ComeBackAsync(PollardClient gateway, string id)
    {
        var task = gateway.Tasks.OpenChat(id); // In another process, the next day.
        ChatAnswer answer = await task.ResultAsync();
        Console.WriteLine(answer.Text);
    }

    public static async Task AnyKindAsync(PollardClient gateway)
    {
        var task = await gateway.Tasks.SubmitAsync(
            new SubmitTask
            {
                Kind = "embedding",
                Model = "nomic-embed-text",
                Request = JsonElement.Parse("""{"input":"a river"}"""),
                Priority = 10,
                QueueTimeout = 3600,
            },
            idempotencyKey: "river-1"
        );
        task = await gateway.Tasks.WaitAsync(task.Id, TimeSpan.FromMinutes(5));
        Console.WriteLine(task.Result);
    }

    public static async Task SettingsAsync(PollardClient gateway)
    {
        var task = await gateway.Tasks.SubmitChatAsync(
            new ChatPrompt("qwen3:8b", [new("system", "Be brief."), new("user", "Why is the sky blue?")])
            {
                MaxTokens = 200,
                Options = new() { ["seed"] = 7 },
            },
            settings => settings with { Priority = 10, Timeout = 600 }
        );
        await task.CancelAsync();
    }

    public static async Task ErrorsAsync(PollardTask<ChatAnswer> task)
    {
        try
        {
            await task.ResultAsync();
        }
        catch (PollardException e) when (e.IsTransient)
        {
            Console.WriteLine($"Later, perhaps: {e.Message} {e.RetryAfter}");
        }
        catch (PollardException e)
        {
            Console.WriteLine($"{e.Type} of task {e.TaskId}: {e.Message}");
        }
    }

    public static async Task ChatClientAsync(PollardClient gateway)
    {
        using var chat = new PollardChatClient(gateway, "qwen3:8b");

        ChatResponse response = await chat.GetResponseAsync("Why is the sky blue?");
        Console.WriteLine($"{response.Text} ({response.Usage?.OutputTokenCount} tokens, {response.ResponseId})");
    }
}

internal sealed record Weather(string City, int Degrees);

[JsonSerializable(typeof(Weather))]
internal sealed partial class SampleJson : JsonSerializerContext;
