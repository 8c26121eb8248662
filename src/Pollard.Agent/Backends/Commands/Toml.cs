using System.Globalization;
using System.Text;

namespace Pollard.Agent.Backends.Commands;

/// <summary>Writes values of TOML, each in one line.</summary>
internal static class Toml
{
    /// <summary>A basic string: quoted, with all escaped that TOML does not take as it is.</summary>
    public static string Text(string text)
    {
        StringBuilder quoted = new("\"", text.Length + 2);
        foreach (var character in text)
        {
            _ = character switch
            {
                '"' or '\\' => quoted.Append('\\').Append(character),
                '\n' => quoted.Append("\\n"),
                '\r' => quoted.Append("\\r"),
                '\t' => quoted.Append("\\t"),
                _ when char.IsControl(character) => quoted.Append(
                    CultureInfo.InvariantCulture,
                    $"\\u{(int)character:X4}"
                ),
                _ => quoted.Append(character),
            };
        }

        return quoted.Append('"').ToString();
    }

    /// <summary>An array of strings.</summary>
    public static string List(IEnumerable<string> texts) => $"[{string.Join(',', texts.Select(Text))}]";

    /// <summary>An inline table of values that are TOML already; its keys may be any text.</summary>
    public static string Table(IEnumerable<KeyValuePair<string, string>> members) =>
        $"{{{string.Join(',', members.Select(member => $"{Text(member.Key)}={member.Value}"))}}}";
}
