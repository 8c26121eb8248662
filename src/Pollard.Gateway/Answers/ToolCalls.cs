using System.Text;
using System.Text.Json;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Events;

namespace Pollard.Gateway.Answers;

/// <summary>Tool calls that came in fragments, joined: arguments are appended, names and ids come once, what we do not know is carried.</summary>
internal sealed class ToolCalls
{
    private const int MostCalls = 1_000;
    private readonly SortedDictionary<int, Call> _calls = [];

    /// <summary>The calls of one answer; null when it has none.</summary>
    public static ToolCalls? Merge(IReadOnlyList<TaskEvent> output, int choice)
    {
        ToolCalls? calls = null;
        for (var i = 0; i < output.Count; i++)
        {
            if (
                output[i].Kind == DeltaKind.ToolCall
                && output[i].Choice == choice
                && Fragments.TryParse(output[i].Data) is { } fragment
            )
            {
                calls ??= new ToolCalls();
                calls.Add(fragment);
            }
        }

        return calls;
    }

    /// <summary>Writes the member <c>tool_calls</c>.</summary>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartArray("tool_calls"u8);
        foreach (var call in _calls.Values)
        {
            json.WriteStartObject();
            json.WriteString("id"u8, call.Id);
            json.WriteString("type"u8, call.Type);
            foreach (var (name, value) in call.Others)
            {
                json.WritePropertyName(name);
                value.WriteTo(json);
            }

            json.WriteStartObject("function"u8);
            json.WriteString("name"u8, call.Name);
            json.WriteString("arguments"u8, call.Arguments.ToString());
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private void Add(JsonElement fragment)
    {
        var index = IndexOf(fragment);
        if (!_calls.TryGetValue(index, out var call))
        {
            if (_calls.Count == MostCalls)
            {
                return;
            }

            _calls.Add(index, call = new Call());
        }

        foreach (var member in fragment.EnumerateObject())
        {
            switch (member.Name)
            {
                case "index":
                    break;
                case "id":
                    call.Id ??= TextOf(member.Value);
                    break;
                case "type":
                    call.Type = TextOf(member.Value) ?? call.Type;
                    break;
                case "function":
                    call.AddFunction(member.Value);
                    break;
                default:
                    call.Others[member.Name] = member.Value;
                    break;
            }
        }
    }

    /// <summary>The fragment's index; without one, a new id begins a new call and anything else goes on with the last.</summary>
    private int IndexOf(JsonElement fragment)
    {
        if (fragment.TryGetProperty("index"u8, out var index) && index.ValueKind == JsonValueKind.Number)
        {
            return index.TryGetInt32(out var number) ? number : 0;
        }

        var last = _calls.Count == 0 ? -1 : _calls.Keys.Last();
        var begins =
            fragment.TryGetProperty("id"u8, out var id)
            && TextOf(id) is { } text
            && (last < 0 || text != _calls[last].Id);
        return last < 0 || begins ? last + 1 : last;
    }

    private static string? TextOf(JsonElement value) =>
        value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text ? text : null;

    private sealed class Call
    {
        public string? Id { get; set; }

        public string Type { get; set; } = "function";

        public string? Name { get; private set; }

        public StringBuilder Arguments { get; } = new();

        public Dictionary<string, JsonElement> Others { get; } = new(StringComparer.Ordinal);

        public void AddFunction(JsonElement function)
        {
            if (function.ValueKind != JsonValueKind.Object)
            {
                return;
            }

            if (function.TryGetProperty("name"u8, out var name))
            {
                Name ??= TextOf(name);
            }

            if (function.TryGetProperty("arguments"u8, out var arguments))
            {
                Arguments.Append(
                    arguments.ValueKind switch
                    {
                        JsonValueKind.String => arguments.GetString(),
                        JsonValueKind.Null or JsonValueKind.Undefined => null,
                        _ => arguments.GetRawText(), // Some servers send the arguments as an object.
                    }
                );
            }
        }
    }
}
