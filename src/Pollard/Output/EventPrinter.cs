using System.Globalization;
using Pollard.Protocol.Api;

namespace Pollard.Output;

/// <summary>A task's events, one line each; the text of an answer runs on between them.</summary>
internal sealed class EventPrinter(Printer print)
{
    private bool _inText;

    public void Print(TaskEventDocument happened)
    {
        if (print.Json)
        {
            print.JsonLine(happened, Printer.Protocol.TaskEventDocument);
        }
        else if (happened is { Type: "delta", Text: { } text, Kind: "content", Choice: null or 0 })
        {
            _inText |= text.Length > 0;
            print.Piece(text);
        }
        else if (happened.Type != "delta")
        {
            if (_inText)
            {
                print.Line();
                _inText = false;
            }

            var number = happened.Seq.ToString(CultureInfo.InvariantCulture);
            var at = happened.At.UtcDateTime.ToString("HH:mm:ss.fff", CultureInfo.InvariantCulture);
            print.Line(
                $"{at}  {number, 4}  {happened.Type, -12} {happened.Data?.GetRawText() ?? happened.Text}".TrimEnd()
            );
        }
    }
}
