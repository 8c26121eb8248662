using System.Text.Json;
using Pollard.Gateway.Answers;
using Pollard.Tasks;

namespace Pollard.Gateway.LongCalls;

/// <summary>What both older servers say of a task, in the same words.</summary>
internal static class LongCallView
{
    /// <summary>The id that a client knows: the door's, or ours where another door made the task.</summary>
    public static string IdOf(TaskHandle task) => task.Row.Name ?? task.PublicId;

    /// <summary>Why it did not complete; null when it did, or has not ended.</summary>
    public static string? ErrorOf(TaskRow row) => row.IsFinal ? row.Error?.Message : null;

    /// <summary>Writes the member <c>result</c>, as JSON where it is JSON.</summary>
    public static void WriteResult(Utf8JsonWriter json, ReadOnlyMemory<byte>? result)
    {
        json.WritePropertyName("result"u8);
        if (result is not { Length: > 0 } bytes)
        {
            json.WriteNullValue();
        }
        else if (Fragments.TryParse(bytes) is { } element)
        {
            element.WriteTo(json);
        }
        else
        {
            json.WriteBase64StringValue(bytes.Span);
        }
    }

    /// <summary>The model as the client named it, which its request tells.</summary>
    public static async ValueTask<string> ModelOfAsync(TaskHandle task, CancellationToken ct) =>
        await task.ReadRequestAsync(ct) is { Length: > 0 } request
        && Fragments.TryParse(request) is { ValueKind: JsonValueKind.Object } body
        && body.TryGetProperty("model", out var model)
        && model.ValueKind == JsonValueKind.String
            ? model.GetString()!
            : task.Row.Model;
}
