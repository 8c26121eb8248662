using System.Text;
using System.Text.Json;
using Pollard.Agent.Backends.Http;

namespace Pollard.Agent.Backends.Commands;

/// <summary>
/// Makes one prompt of a conversation, for a command takes one. A single message goes as it is; several go whole, each between
/// tags with its role, and the last of them is what is to be answered.
/// </summary>
internal static class Transcript
{
    private const string Introduction =
        "This is a conversation with you, the assistant. Answer its last message; do not repeat the conversation.";

    /// <summary>The system's messages apart, all others as the prompt.</summary>
    /// <exception cref="BackendException">A message has a part that is no text.</exception>
    public static CommandRequest Of(JsonElement messages, string name)
    {
        List<string> system = [];
        List<(string Role, string Text)> turns = [];
        var number = 0;
        foreach (var message in messages.EnumerateArray())
        {
            var role = message.Text("role") ?? "user";
            var text = TextOf(message, number++, name);
            if (role is "system" or "developer")
            {
                system.Add(text);
            }
            else
            {
                turns.Add((Label(message, role), text));
            }
        }

        if (turns.Count == 0)
        {
            throw CommandRequest.Bad("\"messages\" has no message of the user", "messages");
        }

        return new()
        {
            System = system.Count > 0 ? string.Join("\n\n", system) : null,
            Prompt = turns is [("user", var only)] ? only : Join(turns),
        };
    }

    private static string Join(List<(string Role, string Text)> turns)
    {
        StringBuilder prompt = new(Introduction);
        foreach (var (label, text) in turns)
        {
            var role = label.Split(' ')[0];
            prompt.Append("\n\n<").Append(label).Append(">\n").Append(text).Append("\n</").Append(role).Append('>');
        }

        return prompt.Append('\n').ToString();
    }

    private static string Label(JsonElement message, string role) =>
        role switch
        {
            "assistant" => "assistant",
            "tool" or "function" => message.Text("tool_call_id") is { } id ? $"tool call=\"{id}\"" : "tool",
            _ => "user",
        };

    private static string TextOf(JsonElement message, int number, string name)
    {
        StringBuilder text = new(message.Text("content"));
        var part = 0;
        foreach (var item in message.Items("content"))
        {
            if (item.Text("type") is not ("text" or "input_text" or null))
            {
                throw new BackendException(
                    BackendFailure.BadRequest(
                        FormattableString.Invariant(
                            $"{name} is a command that reads text, and part {part} of message {number} is none"
                        )
                    ) with
                    {
                        Parameter = FormattableString.Invariant($"messages[{number}].content[{part}]"),
                    }
                );
            }

            text.Append(part++ > 0 ? "\n" : "").Append(item.Text("text"));
        }

        foreach (var call in message.Items("tool_calls"))
        {
            var function = call.Member("function") ?? default;
            text.Append(text.Length > 0 ? "\n" : "")
                .Append($"[calls {function.Text("name")} with {function.Text("arguments")} as \"{call.Text("id")}\"]");
        }

        return text.ToString();
    }
}
