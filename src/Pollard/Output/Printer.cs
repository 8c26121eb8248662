using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Pollard.Protocol;
using Spectre.Console;

namespace Pollard.Output;

/// <summary>
/// How commands speak: results to the output, everything else to the error stream; colours and progress only where a person
/// looks, and never with <c>NO_COLOR</c>.
/// </summary>
internal sealed class Printer(Shell shell, bool json)
{
    /// <summary>The wire's shapes, with text that people can read: no <c>\u0027</c>.</summary>
    public static ProtocolJson Protocol { get; } = new(Readable(ProtocolJson.Default.Options));

    /// <summary>The shapes that only we print, in the same way.</summary>
    public static OutputJson Own { get; } = new(Readable(OutputJson.Default.Options));

    /// <summary>True when the result is to be JSON.</summary>
    public bool Json => json;

    /// <summary>True where colours are seen or asked for; <c>NO_COLOR</c> goes before <c>FORCE_COLOR</c> and <c>CLICOLOR_FORCE</c>.</summary>
    public bool HasColour =>
        string.IsNullOrEmpty(shell.Environment("NO_COLOR"))
        && (shell.OutIsTerminal || Forces("FORCE_COLOR") || Forces("CLICOLOR_FORCE"));

    /// <summary>A line of the result.</summary>
    public void Line(string text = "") => shell.Out.WriteLine(Safe(text));

    /// <summary>A piece of the result, at once.</summary>
    public void Piece(string text)
    {
        shell.Out.Write(Safe(text));
        shell.Out.Flush();
    }

    /// <summary>The result as one line of JSON.</summary>
    public void JsonLine<T>(T value, JsonTypeInfo<T> type)
    {
        shell.Out.WriteLine(JsonSerializer.Serialize(value, type));
        shell.Out.Flush();
    }

    /// <summary>What a command has changed: a line of JSON, or words beside the output.</summary>
    public void Outcome(Changed changed, string words)
    {
        if (json)
        {
            JsonLine(changed, Own.Changed);
        }
        else
        {
            Note(words);
        }
    }

    /// <summary>A line that is not part of the result, but that everybody should see.</summary>
    public void Note(string text) => shell.Error.WriteLine(Safe(text, shell.ErrorIsTerminal));

    /// <summary>A line that only helps a person who watches.</summary>
    public void Hint(string text)
    {
        if (shell.ErrorIsTerminal)
        {
            Note(text);
        }
    }

    /// <summary>A table of the result; in a pipe its lines are never wrapped or cut.</summary>
    public void Table(IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows)
    {
        var table = new Table().NoBorder().HideRowSeparators();
        foreach (var column in columns)
        {
            table.AddColumn(new TableColumn(new Text(column, Dim)).NoWrap().PadLeft(0).PadRight(2));
        }

        foreach (var row in rows)
        {
            table.AddRow(row.Select(cell => new Text(Safe(LogLine.OneLine(cell)), StyleOf(cell)))); // One row, one line.
        }

        WriteTable(table);
    }

    /// <summary>Text without the control characters by which a model or a host could play with the terminal.</summary>
    public string Safe(string text) => Safe(text, shell.OutIsTerminal || HasColour); // Forced colours are for a pager.

    private static string Safe(string text, bool isForTerminal) =>
        isForTerminal && text.Any(IsUnsafe)
            ? string.Concat(text.Select(character => IsUnsafe(character) ? '\uFFFD' : character))
            : text;

    private static JsonSerializerOptions Readable(JsonSerializerOptions options) =>
        new(options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // Beside control characters those that turn around what stands beside them.
    private static bool IsUnsafe(char character) =>
        (char.IsControl(character) && character is not '\n' and not '\t' and not '\r')
        || character is (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069');

    private bool Forces(string variable) => shell.Environment(variable) is not (null or "" or "0");

    private static Style Dim => new(decoration: Decoration.Dim);

    private static Style StyleOf(string cell) =>
        cell switch
        {
            "completed" or "online" or "ok" => new(Color.Green),
            "failed" or "timeout" or "revoked" or "quarantined" or "fail" => new(Color.Red),
            "running" or "draining" or "paused" or "warn" => new(Color.Yellow),
            "cancelled" or "offline" => Dim,
            _ => Style.Plain,
        };

    private void WriteTable(Table table)
    {
        using var lines = new StringWriter { NewLine = "\n" };
        var console = AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Ansi = HasColour ? AnsiSupport.Yes : AnsiSupport.No,
                ColorSystem = HasColour ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
                Interactive = InteractionSupport.No,
                Out = new AnsiConsoleOutput(lines),
            }
        );
        console.Profile.Width = 10_000;
        console.Write(table);
        foreach (var line in lines.ToString().TrimEnd('\n').Split('\n'))
        {
            shell.Out.WriteLine(line.TrimEnd());
        }
    }
}
