using System.Globalization;
using System.Text.Json;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Hosts.TaskAgents;

/// <summary>A task as agents with the small contract read it.</summary>
internal static class TaskAgentItem
{
    private const int UsualIterations = 10;
    private const int MostIterations = 1_000;

    /// <summary>Writes the answer that has the task.</summary>
    /// <param name="json">Where to.</param>
    /// <param name="work">The task.</param>
    /// <param name="number">How many tasks were given before, for a name.</param>
    /// <param name="now">When it is given.</param>
    public static void Write(Utf8JsonWriter json, PolledWork work, long number, DateTimeOffset now)
    {
        var bytes = work.Attempt.Request;
        using var parsed = LooseJson.Parse(bytes);
        var request = parsed?.RootElement ?? default;
        var iterations = request.Number("iterations") is >= 1 and <= MostIterations and var said
            ? said
            : UsualIterations;
        var name = string.Create(CultureInfo.InvariantCulture, $"task_{number}_{iterations}");
        json.WriteStartObject();
        json.WriteString("status"u8, "success"u8);
        json.WriteStartObject("data"u8);
        json.WriteString("taskId"u8, work.Id);
        json.WriteString("taskName"u8, request.Word("taskName") ?? request.Word("task_name") ?? name);
        json.WriteNumber("iterations"u8, iterations);
        json.WriteString("timestamp"u8, now.ToString("yyyy-MM-dd'T'HH:mm:ss.fffzzz", CultureInfo.InvariantCulture));
        json.WriteString("kind"u8, work.Attempt.Kind);
        json.WriteString("model"u8, work.Attempt.Model == "*" ? "" : work.Attempt.Model);
        json.WritePropertyName("request"u8);
        if (JsonCheck.IsReadable(bytes.Span))
        {
            json.WriteRawValue(bytes.Span, skipInputValidation: true);
        }
        else
        {
            json.WriteNullValue();
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }
}
