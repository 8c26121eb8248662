using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Pollard.Bench.Chaos;

/// <summary>How one stream ended.</summary>
/// <param name="Text">All that was read.</param>
/// <param name="Usage">The tokens that it is said to have: of the prompt and of the answer.</param>
/// <param name="Error">What the reader was told instead of an end; null when it ended well.</param>
/// <param name="LongestPause">The longest time between two pieces, in stopwatch ticks.</param>
/// <param name="Attempts">Hosts that had it.</param>
internal sealed record StreamEnd(
    string Text,
    (int Prompt, int Completion) Usage,
    string? Error,
    long LongestPause,
    int Attempts
)
{
    /// <summary>It is the whole answer, each token of it once, and they are counted so.</summary>
    public bool IsWhole { get; init; }
}

/// <summary>A client that streams a chat.</summary>
internal sealed class StreamReader
{
    private readonly StringBuilder _text = new();
    private (int Prompt, int Completion) _usage;
    private string? _error = "the stream has no end";
    private long _last;
    private long _pause;

    /// <summary>Reads the answer to a client's question, which is the same each time.</summary>
    /// <exception cref="OperationCanceledException"><paramref name="ct"/> is over.</exception>
    public static async Task<StreamEnd> ReadAsync(HttpClient http, int client, CancellationToken ct)
    {
        var reader = new StreamReader();
        string? task = null;
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
            {
                Content = new StringContent(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $$"""{"model":"pollard-demo","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"client {{client}}"}]}"""
                    ),
                    Encoding.UTF8,
                    "application/json"
                ),
            };
            using var reply = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
            task = reply.Headers.TryGetValues("Pollard-Task", out var ids) ? ids.First() : null;
            reply.EnsureSuccessStatusCode();
            await reader.ReadAsync(await reply.Content.ReadAsStreamAsync(ct), ct);
        }
        catch (Exception e)
            when (e is HttpRequestException or IOException or OperationCanceledException && !ct.IsCancellationRequested)
        {
            reader._error = e.Message;
        }

        var attempts = task is null ? 0 : await AttemptsAsync(http, task, ct);
        return new StreamEnd(reader._text.ToString(), reader._usage, reader._error, reader._pause, attempts);
    }

    private async Task ReadAsync(System.IO.Stream stream, CancellationToken ct)
    {
        using var lines = new System.IO.StreamReader(stream);
        while (await lines.ReadLineAsync(ct) is { } line)
        {
            if (line == "data: [DONE]")
            {
                _error = null;
                return;
            }

            if (
                line.StartsWith("data: ", StringComparison.Ordinal)
                && !Take(JsonElement.Parse(line.AsSpan(6).ToString()))
            )
            {
                return;
            }
        }
    }

    // False: it is an error, and the last that comes.
    private bool Take(JsonElement chunk)
    {
        var now = Stopwatch.GetTimestamp();
        _pause = _last == 0 ? 0 : Math.Max(_pause, now - _last);
        _last = now;
        if (chunk.TryGetProperty("error", out var told))
        {
            _error = told.GetRawText();
            return false;
        }

        foreach (var choice in chunk.GetProperty("choices").EnumerateArray())
        {
            _text.Append(choice.GetProperty("delta").TryGetProperty("content", out var piece) ? piece.GetString() : "");
        }

        if (chunk.TryGetProperty("usage", out var usage) && usage.ValueKind == JsonValueKind.Object)
        {
            _usage = (usage.GetProperty("prompt_tokens").GetInt32(), usage.GetProperty("completion_tokens").GetInt32());
        }

        return true;
    }

    private static async Task<int> AttemptsAsync(HttpClient http, string task, CancellationToken ct)
    {
        var document = JsonElement.Parse(await http.GetStringAsync(new Uri($"/v1/tasks/{task}", UriKind.Relative), ct));
        return document.GetProperty("attempt").GetInt32();
    }
}
