using System.Diagnostics;

namespace Pollard.Bench.Load;

/// <summary>Many connections that ask the same.</summary>
internal static class HttpLoad
{
    /// <summary>Each connection asks again as soon as it has its answer.</summary>
    /// <param name="port">Where.</param>
    /// <param name="connections">How many.</param>
    /// <param name="request">What.</param>
    /// <param name="duration">How long.</param>
    /// <param name="expected">The status that counts.</param>
    /// <exception cref="InvalidOperationException">An answer had another status.</exception>
    public static async Task<List<long>> ClosedAsync(
        int port,
        int connections,
        byte[] request,
        TimeSpan duration,
        int expected = 200
    )
    {
        var until = Stopwatch.GetTimestamp() + (long)(duration.TotalSeconds * Stopwatch.Frequency);
        var loops = Enumerable.Range(0, connections).Select(_ => Task.Run(LoopAsync)).ToList();
        return [.. (await Task.WhenAll(loops)).SelectMany(latencies => latencies)];

        async Task<List<long>> LoopAsync()
        {
            using var connection = await HttpConnection.OpenAsync(port);
            var latencies = new List<long>();
            for (var now = Stopwatch.GetTimestamp(); now < until; )
            {
                Check(await connection.ExchangeAsync(request), expected);
                var then = now;
                now = Stopwatch.GetTimestamp();
                latencies.Add(now - then);
            }

            return latencies;
        }
    }

    /// <summary>So many a second, whether or not the answers keep up; the connections take turns.</summary>
    public static async Task<List<long>> OpenAsync(
        int port,
        int connections,
        byte[] request,
        TimeSpan duration,
        int perSecond
    )
    {
        var period = TimeSpan.FromSeconds((double)connections / perSecond);
        var loops = Enumerable.Range(0, connections).Select(at => Task.Run(() => LoopAsync(at))).ToList();
        return [.. (await Task.WhenAll(loops)).SelectMany(latencies => latencies)];

        async Task<List<long>> LoopAsync(int at)
        {
            using var connection = await HttpConnection.OpenAsync(port);
            await Task.Delay(period * at / connections);
            using var pace = new PeriodicTimer(period);
            var latencies = new List<long>();
            var began = Stopwatch.GetTimestamp();
            while (Stopwatch.GetElapsedTime(began) < duration)
            {
                await pace.WaitForNextTickAsync();
                var sent = Stopwatch.GetTimestamp();
                Check(await connection.ExchangeAsync(request), 200);
                latencies.Add(Stopwatch.GetTimestamp() - sent);
            }

            return latencies;
        }
    }

    /// <summary>Streams, each connection one after the other.</summary>
    /// <param name="port">Where.</param>
    /// <param name="connections">How many.</param>
    /// <param name="request">What.</param>
    /// <param name="duration">How long.</param>
    /// <param name="tokens">Tokens in a whole answer.</param>
    /// <param name="spread">Over which time their first requests are spread, so that they do not all come in one moment.</param>
    public static async Task<StreamLoadResult> StreamsAsync(
        int port,
        int connections,
        byte[] request,
        TimeSpan duration,
        int tokens,
        TimeSpan spread = default
    )
    {
        var began = Stopwatch.GetTimestamp();
        var result = new StreamLoadResult();
        await Task.WhenAll(Enumerable.Range(0, connections).Select(at => Task.Run(() => LoopAsync(at))));
        return result;

        async Task LoopAsync(int at)
        {
            await Task.Delay(spread * at / connections);
            using var connection = await HttpConnection.OpenAsync(port);
            while (Stopwatch.GetElapsedTime(began) < duration)
            {
                var scan = new TokenScan();
                var status = await connection.StreamAsync(request, scan);
                result.Add(status == 200 && scan.Count == tokens, scan);
            }
        }
    }

    private static void Check(Answer answer, int expected)
    {
        if (answer.Status != expected)
        {
            throw new InvalidOperationException(
                $"Answered {answer.Status}: {System.Text.Encoding.UTF8.GetString(answer.Body.Span)}"
            );
        }
    }
}

/// <summary>What came of many streams.</summary>
internal sealed class StreamLoadResult
{
    /// <summary>From each request to its first token, in stopwatch ticks.</summary>
    public List<long> First { get; } = [];

    /// <summary>From the making of each token to its reading, in stopwatch ticks.</summary>
    public List<long> Tokens { get; } = [];

    /// <summary>Streams that ended whole.</summary>
    public int Whole { get; private set; }

    /// <summary>Streams that did not.</summary>
    public int Broken { get; private set; }

    /// <summary>Tokens that came.</summary>
    public int Count { get; private set; }

    /// <summary>Counts a stream.</summary>
    public void Add(bool whole, TokenScan scan)
    {
        lock (First)
        {
            Whole += whole ? 1 : 0;
            Broken += whole ? 0 : 1;
            Count += scan.Count;
            First.Add(scan.First);
            Tokens.AddRange(scan.Latencies);
        }
    }
}
