using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Hosts.Andy;

/// <summary>What the gateway says over the WebSocket. A moment that Go cannot read would have the whole frame dropped in silence.</summary>
internal static class AndyFrames
{
    /// <summary>The client's id, which it keeps and comes back with.</summary>
    public static byte[] Welcome(string clientId, DateTimeOffset now) =>
        Write("welcome", null, now, (json) => json.WriteString("client_id"u8, clientId));

    /// <summary>A sign of life: clients give up a line on which nothing comes for two of their heartbeats.</summary>
    public static byte[] Heartbeat(DateTimeOffset now) => Write("heartbeat", null, now, null);

    /// <summary>A piece of work, for clients that read the text and for those that read the messages.</summary>
    /// <param name="work">The work.</param>
    /// <param name="number">Its number on this line.</param>
    /// <param name="request">What is asked.</param>
    /// <param name="now">The moment.</param>
    public static byte[] Request(AndyWork work, int number, JsonElement request, DateTimeOffset now) =>
        Write(
            "request",
            work.Id,
            now,
            json =>
            {
                var isEmbedding = work.Attempt.Kind == "embedding";
                json.WriteNumber("id"u8, number);
                json.WriteString("model"u8, work.Attempt.Model);
                json.WriteString("task"u8, isEmbedding ? "embedding"u8 : "chat"u8);
                if (isEmbedding)
                {
                    json.WriteString("prompt"u8, AndyWorkItem.InputOf(request));
                    return;
                }

                json.WriteString("prompt"u8, AndyPrompt.Flatten(request));
                json.WriteStartArray("messages"u8);
                foreach (var message in request.Items("messages"))
                {
                    json.WriteStartObject();
                    json.WriteString("role"u8, message.Text("role") is "developer" ? "system" : message.Text("role"));
                    json.WriteString("content"u8, AndyPrompt.TextOf(message));
                    json.WriteEndObject();
                }

                json.WriteEndArray();
                if (AndyPrompt.ImagesOf(request).FirstOrDefault() is { } image)
                {
                    json.WriteString("image_base64"u8, image);
                }

                if ((request.Number("max_completion_tokens") ?? request.Number("max_tokens")) is > 0 and var most)
                {
                    json.WriteNumber("max_completion_tokens"u8, most);
                }
            }
        );

    private static byte[] Write(string type, string? requestId, DateTimeOffset now, Action<Utf8JsonWriter>? data)
    {
        var output = new ArrayBufferWriter<byte>();
        JsonReply.Fill(
            output,
            (type, requestId, now, data),
            static (json, it) =>
            {
                json.WriteStartObject();
                json.WriteString("type"u8, it.type);
                if (it.requestId is not null)
                {
                    json.WriteString("request_id"u8, it.requestId);
                }

                if (it.data is null)
                {
                    json.WriteNull("data"u8);
                }
                else
                {
                    json.WriteStartObject("data"u8);
                    it.data(json);
                    json.WriteEndObject();
                }

                json.WriteString(
                    "timestamp"u8,
                    it.now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture)
                );
                json.WriteEndObject();
            }
        );
        return output.WrittenSpan.ToArray();
    }
}
