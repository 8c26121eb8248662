using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Pollard.Bench.Chaos;

/// <summary>How one stream ended.</summary>
/// <param name="Text">All that was read.</param>
/// <param name="Error">What the reader was told instead of an end; null when it ended well.</param>
/// <param name="LongestPause">The longest time between two pieces, in stopwatch ticks.</param>
/// <param name="Attempts">Hosts that had it.</param>
internal sealed record StreamEnd(string Text, string? Error, long LongestPause, int Attempts)
{
    /// <summary>It is the whole answer, and each token of it once.</summary>
    public bool IsWhole { get; init; }
}

/// <summary>A client that streams a chat.</summary>
internal static class StreamReader
{
    /// <summary>Reads the answer to a client's question, which is the same each time.</summary>
    public static async Task<StreamEnd> ReadAsync(HttpClient http, int client)
    {
        var text = new StringBuilder();
        var last = 0L;
        var pause = 0L;
        var error = (string?)"the stream has no end";
        string? task = null;
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
            {
                Content = new StringContent(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $$"""{"model":"pollard-demo","stream":true,"messages":[{"role":"user","content":"client {{client}}"}]}"""
                    ),
                    Encoding.UTF8,
                    "application/json"
                ),
            };
            using var reply = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            task = reply.Headers.TryGetValues("Pollard-Task", out var ids) ? ids.First() : null;
            reply.EnsureSuccessStatusCode();
            using var lines = new System.IO.StreamReader(await reply.Content.ReadAsStreamAsync());
            while (await lines.ReadLineAsync() is { } line)
            {
                if (line == "data: [DONE]")
                {
                    error = null;
                    break;
                }

                if (!line.StartsWith("data: ", StringComparison.Ordinal))
                {
                    continue;
                }

                var now = Stopwatch.GetTimestamp();
                pause = last == 0 ? 0 : Math.Max(pause, now - last);
                last = now;
                var chunk = JsonElement.Parse(line.AsSpan(6).ToString());
                if (chunk.TryGetProperty("error", out var told))
                {
                    error = told.GetRawText();
                    break;
                }

                foreach (var choice in chunk.GetProperty("choices").EnumerateArray())
                {
                    text.Append(
                        choice.GetProperty("delta").TryGetProperty("content", out var piece) ? piece.GetString() : ""
                    );
                }
            }
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            error = e.Message;
        }

        return new StreamEnd(text.ToString(), error, pause, task is null ? 0 : await AttemptsAsync(http, task));
    }

    private static async Task<int> AttemptsAsync(HttpClient http, string task)
    {
        var document = JsonElement.Parse(await http.GetStringAsync($"/v1/tasks/{task}"));
        return document.GetProperty("attempt").GetInt32();
    }
}
