using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Pollard.Tasks.Validation;

/// <summary>What several answers cost together: all numbers added up, member by member, in whatever shape they come.</summary>
internal static class UsageSum
{
    public static string? Of(string? before, string? more)
    {
        if (before is null || more is null)
        {
            return before ?? more;
        }

        var output = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(output))
        {
            Write(json, JsonElement.Parse(before), JsonElement.Parse(more));
        }

        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    private static void Write(Utf8JsonWriter json, JsonElement one, JsonElement other)
    {
        if (one.ValueKind == JsonValueKind.Object && other.ValueKind == JsonValueKind.Object)
        {
            json.WriteStartObject();
            foreach (var member in one.EnumerateObject())
            {
                json.WritePropertyName(member.Name);
                if (other.TryGetProperty(member.Name, out var same))
                {
                    Write(json, member.Value, same);
                }
                else
                {
                    member.Value.WriteTo(json);
                }
            }

            foreach (var member in other.EnumerateObject().Where(member => !one.TryGetProperty(member.Name, out _)))
            {
                member.WriteTo(json);
            }

            json.WriteEndObject();
        }
        else if (one.ValueKind == JsonValueKind.Number && other.ValueKind == JsonValueKind.Number)
        {
            WriteSum(json, one, other);
        }
        else
        {
            (other.ValueKind == JsonValueKind.Null ? one : other).WriteTo(json);
        }
    }

    private static void WriteSum(Utf8JsonWriter json, JsonElement one, JsonElement other)
    {
        if (one.TryGetInt64(out var a) && other.TryGetInt64(out var b) && long.MaxValue - Math.Abs(a) > Math.Abs(b))
        {
            json.WriteNumberValue(a + b);
        }
        else if (one.GetDouble() + other.GetDouble() is var sum && double.IsFinite(sum))
        {
            json.WriteNumberValue(sum);
        }
        else
        {
            json.WriteNullValue();
        }
    }
}
