using System.Globalization;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Pollard.Protocol;
using Pollard.Protocol.Api;

namespace Pollard.Client;

/// <summary>One connection to a task's events. A break is a <see cref="PollardException"/> that may be tried again.</summary>
internal static class EventStream
{
    public static async IAsyncEnumerable<TaskEventDocument> ReadAsync(
        GatewayHttp gateway,
        string taskPath,
        long after,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        var number = after.ToString(CultureInfo.InvariantCulture);
        var path = after < 0 ? $"{taskPath}/events" : $"{taskPath}/events?after={number}";
        var call = GatewayCall.Get(path) with { Accept = "text/event-stream" };
        using var response = await gateway.OpenStreamAsync(call, ct).ConfigureAwait(false);
        var items = ItemsAsync(gateway, response, ct);
        await foreach (var item in items.ConfigureAwait(false))
        {
            yield return Parse(item.Data);
        }
    }

    /// <summary>The parts of a stream of server-sent events; a break or a silence is a <see cref="PollardException"/>.</summary>
    public static async IAsyncEnumerable<SseItem<string>> ItemsAsync(
        GatewayHttp gateway,
        HttpResponseMessage response,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        var body = await response.Content.ReadAsStreamAsync(ct).ConfigureAwait(false);
        var watched = new SilenceStream(body, gateway.Options.StreamSilence, gateway.Options.Time);
        await using var _ = watched.ConfigureAwait(false);
        await using var items = SseParser.Create(watched).EnumerateAsync(ct).ConfigureAwait(false).GetAsyncEnumerator();
        while (true)
        {
            try
            {
                if (!await items.MoveNextAsync())
                {
                    yield break;
                }
            }
            catch (Exception e) when (e is IOException or HttpRequestException)
            {
                throw gateway.Unreachable(e.Message, e);
            }

            yield return items.Current;
        }
    }

    /// <summary>The stream ended and the task did not.</summary>
    public static PollardException Cut(string taskId) =>
        PollardException.For(
            PollardException.StreamCut,
            "The stream ended before the task did.",
            $"The stream of task {taskId} ended before the task did. Something between here and the gateway closed it; read on with the task's id.",
            taskId: taskId
        );

    private static TaskEventDocument Parse(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, ProtocolJson.Default.TaskEventDocument)!;
        }
        catch (JsonException e)
        {
            throw PollardException.For(
                PollardException.BadAnswer,
                "An event cannot be read.",
                "The gateway sent an event that cannot be read. Is it of this version?",
                e
            );
        }
    }
}
