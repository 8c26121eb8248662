using System.Globalization;
using Pollard.Output;
using Pollard.Protocol.Api;

namespace Pollard.Top;

/// <summary>Draws what somebody looks at into lines, each as wide as the terminal.</summary>
/// <param name="columns">The terminal's width.</param>
/// <param name="rows">Its height.</param>
/// <param name="hasColour">True where colours are wanted; without them a mark shows the same.</param>
internal sealed class TopScreen(int columns, int rows, bool hasColour)
{
    private const int Above = 5; // Title, charts, panes, what is wrong, heads of the columns.

    private const int Roomy = 48; // Columns at which a sentence needs no shortening.

    private const int LeastChart = 8;

    private static readonly string[] Help =
    [
        "up down, k j   choose a line, or scroll",
        "1 2 3 4, tab   other panes",
        "enter          all about a line",
        "c              cancel a task",
        "r              retry an ended one",
        "/              only lines with a text",
        "?              this",
        "esc            back, or all lines again",
        "q, Ctrl-C      leave",
    ];

    /// <summary>The whole screen.</summary>
    public IReadOnlyList<string> Draw(TopState state, TopTable table, PoolNews news, string gateway, DateTimeOffset now)
    {
        List<string> lines =
        [
            Title(news.Picture, gateway),
            Charts(news.Picture.History),
            Tabs(state),
            Wrong(state, news, now),
        ];
        lines.AddRange(
            state.Mode switch
            {
                TopMode.Help => Help.Select(line => Plain.Fit(line, columns)),
                TopMode.Detail => Detail(state, state.OpenedIn(table)?.About?.Invoke() ?? news.Detail ?? ["..."]),
                _ => List(state, table),
            }
        );
        var shown = lines.Take(rows - 1).ToList();
        shown.AddRange(Enumerable.Repeat(Plain.Fit("", columns), Math.Max(0, rows - 1 - shown.Count)));
        shown.Add(Foot(state, table));
        return shown;
    }

    private string Title(PoolPicture pool, string gateway)
    {
        var online = pool.Hosts.Count(host => host.State is "online" or "draining");
        var running = pool.Overview is { } now ? Number(now.Tasks.Running) : Count(pool.Running);
        var waiting = pool.Overview is { } then ? Number(then.Tasks.Pending) : Count(pool.Waiting);
        var counts = string.Create(
            CultureInfo.InvariantCulture,
            $"{running} running, {waiting} waiting, {online} of {pool.Hosts.Count} hosts{Rate(pool.Overview)}"
        );
        var name = Plain.Width($"pollard top  {gateway}  {counts}") <= columns ? $"pollard top  {gateway}  " : "";
        return Styled(Plain.Fit(name + counts, columns), "1");
    }

    /// <summary>The last ten minutes; of what has room.</summary>
    private string Charts(OverviewHistory? history)
    {
        if (history is null)
        {
            return Plain.Fit("", columns);
        }

        (string Name, IReadOnlyList<double?> Figures)[] charts =
        [
            ("tokens/s", history.Tokens),
            ("requests/s", history.Requests),
            ("waiting", [.. history.Pending.Select(static count => (double?)count)]),
        ];
        var shown = charts.Length;
        while (shown > 1 && columns / shown < LeastChart + charts[..shown].Max(static chart => chart.Name.Length) + 2)
        {
            shown--;
        }

        var width = columns / shown;
        var drawn = charts[..shown]
            .Select(chart =>
                Plain.Fit(
                    $"{chart.Name} {Sparkline.Draw(chart.Figures, Math.Max(1, width - chart.Name.Length - 3))}",
                    width
                )
            );
        return Styled(Plain.Fit(string.Concat(drawn), columns), "36");
    }

    private static string Rate(Overview? overview) =>
        overview is null ? "" : FormattableString.Invariant($", {overview.Rates.Tokens:0} tokens/s");

    private string Tabs(TopState state) =>
        Plain.Fit(
            string.Join(
                ' ',
                TopState.Panes.Select(
                    (name, i) => i == state.Pane ? $"[{Number(i + 1)} {name}]" : $" {Number(i + 1)} {name} "
                )
            ),
            columns
        );

    private string Wrong(TopState state, PoolNews news, DateTimeOffset now)
    {
        var text =
            news.AwaySince is { } since
                ? FormattableString.Invariant(
                    $"{(columns < Roomy ? "" : "gateway ")}unreachable since {Math.Max(0, (now - since).TotalSeconds):0}s, trying again"
                )
            : news.Refusal is { } refusal ? refusal
            : state.Pane >= 2 && news.Picture.Refusal is { } hidden ? hidden
            : "";
        return Styled(Plain.Fit(Plain.OneLine(text), columns), "31");
    }

    private IEnumerable<string> List(TopState state, TopTable table)
    {
        var widths = Widths(table);
        yield return Styled(Line(" ", table.Columns.Select(column => column.Name), widths), "2");
        var room = Math.Max(1, rows - Above - 1);
        var chosen = state.IndexIn(table);
        var first = Math.Max(0, chosen - room + 1);
        for (var i = first; i < Math.Min(table.Rows.Count, first + room); i++)
        {
            var row = table.Rows[i];
            var line = Line(i == chosen ? ">" : " ", row.Cells, widths);
            yield return i == chosen ? Styled(line, "7") : Styled(line, ColourOf(row.Cells[0]));
        }

        if (table.Rows.Count == 0)
        {
            yield return Plain.Fit(
                state.Filter.Length > 0 ? $"  nothing with \"{state.Filter}\"" : "  nothing",
                columns
            );
        }
    }

    private IEnumerable<string> Detail(TopState state, IReadOnlyList<string> detail)
    {
        string[] lines = [.. detail.SelectMany(line => Plain.Wrap(Plain.OneLine(line), columns))];
        var first = Math.Min(state.Scrolled, Math.Max(0, lines.Length - 1));
        return lines.Skip(first).Select(line => Plain.Fit(line, columns));
    }

    private string Foot(TopState state, TopTable table)
    {
        var text = state.Mode switch
        {
            TopMode.Filter => $"/{state.Filter}_",
            TopMode.Confirm => $"Cancel {Plain.OneLine(state.RowIn(table)?.Id ?? "")}? y or n",
            TopMode.Detail => "q back  j k scroll",
            _ when state.Message.Length > 0 => Plain.OneLine(state.Message),
            _ when state.Filter.Length > 0 => $"only \"{state.Filter}\"  esc all  ? help  q quit",
            _ => "? help  q quit  enter detail  c cancel  r retry  / filter",
        };
        return Styled(Plain.Fit(text, columns), "2");
    }

    /// <summary>What each column gets; 0 where there is no room for it.</summary>
    private int[] Widths(TopTable table)
    {
        int[] widths =
        [
            .. table.Columns.Select(
                (column, i) =>
                    Math.Min(
                        column.Widest,
                        table.Rows.Select(row => Plain.Width(row.Cells[i])).Append(column.Name.Length).Max()
                    )
            ),
        ];
        foreach (
            var (_, i) in table.Columns.Select((column, i) => (column.Rank, i)).OrderByDescending(pair => pair.Rank)
        )
        {
            var others = widths.Where((width, j) => j != i && width > 0).Sum(width => width + 1) + 1;
            if (others + widths[i] <= columns)
            {
                break;
            }

            // A column of which little would be left goes; the last two stay, however narrow.
            var left = columns - others;
            widths[i] =
                left >= table.Columns[i].Name.Length + 2 ? left
                : table.Columns[i].Rank < 2 ? widths[i]
                : 0;
        }

        return widths;
    }

    private string Line(string mark, IEnumerable<string> cells, int[] widths) =>
        Plain.Fit(
            mark
                + string.Join(
                    ' ',
                    cells.Zip(widths).Where(cell => cell.Second > 0).Select(cell => Plain.Fit(cell.First, cell.Second))
                ),
            columns
        );

    private string Styled(string line, string style) =>
        hasColour && style.Length > 0 ? $"\e[{style}m{line}\e[0m" : line;

    private static string ColourOf(string state) =>
        state switch
        {
            "completed" or "online" => "32",
            "failed" or "timeout" or "revoked" or "quarantined" => "31",
            "running" or "draining" or "paused" => "33",
            "cancelled" or "offline" => "2",
            _ => "",
        };

    private static string Count(IReadOnlyList<TaskDocument> tasks) =>
        Number(tasks.Count) + (tasks.Count == PoolFeed.Most ? "+" : "");

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
