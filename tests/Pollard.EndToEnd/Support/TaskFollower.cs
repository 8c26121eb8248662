using System.Globalization;
using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Text;
using System.Text.Json;

namespace Pollard.EndToEnd.Support;

/// <summary>A client that reads a task's events as they come and, when its connection breaks, goes on behind the last one it has.</summary>
internal sealed class TaskFollower(HttpClient http, string id)
{
    private readonly StringBuilder _text = new();
    private readonly List<(int Length, TaskCompletionSource Wait)> _waits = [];
    private int _last = -1;

    /// <summary>Times that the connection broke before the end.</summary>
    public int Breaks { get; private set; }

    /// <summary>Ends when that much of the answer has come.</summary>
    public async Task UntilLengthAsync(int characters)
    {
        var wait = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_waits)
        {
            _waits.Add((characters, wait));
            Tell();
        }

        await wait.Task.WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, TestContext.Current.CancellationToken);
    }

    /// <summary>Reads to the end of the task and gives the joined text. Fails when a number is missing or there twice.</summary>
    public async Task<string> ReadAsync(CancellationToken ct)
    {
        while (true)
        {
            try
            {
                if (await FollowAsync(ct))
                {
                    return _text.ToString();
                }

                Breaks++;
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                Breaks++;
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, ct); // As a browser's EventSource does.
            }
        }
    }

    private async Task<bool> FollowAsync(CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/tasks/{id}/events");
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/event-stream"));
        if (_last >= 0)
        {
            request.Headers.Add("Last-Event-ID", _last.ToString(CultureInfo.InvariantCulture));
        }

        using var reply = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
        reply.EnsureSuccessStatusCode();
        await using var stream = await reply.Content.ReadAsStreamAsync(ct);
        await foreach (var item in SseParser.Create(stream).EnumerateAsync(ct))
        {
            Assert.Equal(_last + 1, int.Parse(item.EventId!, CultureInfo.InvariantCulture));
            _last++;
            switch (item.EventType)
            {
                case "delta":
                    Add(JsonElement.Parse(item.Data).GetProperty("text").GetString()!);
                    break;
                case "lost" or "failed":
                    Assert.Fail($"{id}: {item.EventType} {item.Data}");
                    break;
                case "completed":
                    return true;
                default:
                    break;
            }
        }

        return false;
    }

    private void Add(string text)
    {
        lock (_waits)
        {
            _text.Append(text);
            Tell();
        }
    }

    // The caller holds the lock.
    private void Tell()
    {
        foreach (var (length, wait) in _waits)
        {
            if (_text.Length >= length)
            {
                wait.TrySetResult();
            }
        }
    }
}
