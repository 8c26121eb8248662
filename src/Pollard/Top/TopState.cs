namespace Pollard.Top;

/// <summary>What the keys go to.</summary>
internal enum TopMode
{
    List,
    Detail,
    Help,
    Filter,
    Confirm,
}

/// <summary>What a key asks for beyond the screen.</summary>
internal enum TopWish
{
    None,
    Quit,
    Cancel,
    Retry,
}

/// <summary>What somebody looks at: changed by keys alone.</summary>
internal sealed record TopState
{
    public static readonly string[] Panes = ["Now", "Tasks", "Hosts", "Models"];

    private const int TaskPanes = 2; // Whose lines are tasks.
    private const int LongestFilter = 60;

    public int Pane { get; init; }

    public TopMode Mode { get; init; }

    /// <summary>The chosen line of each pane, by what stays while it moves; null: the first.</summary>
    public IReadOnlyList<string?> Chosen { get; init; } = [null, null, null, null];

    /// <summary>Only lines with this text.</summary>
    public string Filter { get; init; } = "";

    /// <summary>Lines by which a task's details are scrolled.</summary>
    public int Scrolled { get; init; }

    /// <summary>What became of the last wish.</summary>
    public string Message { get; init; } = "";

    /// <summary>Where the chosen line is now.</summary>
    public int IndexIn(TopTable table)
    {
        for (var i = 0; i < table.Rows.Count; i++)
        {
            if (string.Equals(table.Rows[i].Id, Chosen[Pane], StringComparison.Ordinal))
            {
                return i;
            }
        }

        return 0;
    }

    /// <summary>The chosen line; null where there are none.</summary>
    public TopRow? RowIn(TopTable table) => table.Rows.Count == 0 ? null : table.Rows[IndexIn(table)];

    /// <summary>The line of which all is shown; null where it has gone.</summary>
    public TopRow? OpenedIn(TopTable table) =>
        table.Rows.FirstOrDefault(row => string.Equals(row.Id, Chosen[Pane], StringComparison.Ordinal));

    /// <summary>The task of which all is shown, whether or not its line is there still; null: none is.</summary>
    public string? OpenedTask => Mode == TopMode.Detail && Pane < TaskPanes ? Chosen[Pane] : null;

    /// <summary>What a key does.</summary>
    public (TopState State, TopWish Wish) Press(ConsoleKeyInfo key, TopTable table) =>
        Mode switch
        {
            TopMode.Filter => (Typed(key), TopWish.None),
            TopMode.Confirm => (
                this with
                {
                    Mode = TopMode.List,
                },
                key.KeyChar is 'y' or 'Y' ? TopWish.Cancel : TopWish.None
            ),
            TopMode.Help when key.KeyChar != 'q' => (this with { Mode = TopMode.List }, TopWish.None),
            _ => Pressed(this with { Message = "" }, key, table),
        };

    private static (TopState State, TopWish Wish) Pressed(TopState state, ConsoleKeyInfo key, TopTable table) =>
        (key.Key, key.KeyChar) switch
        {
            (ConsoleKey.Escape, _) or (_, 'q') when state.Mode == TopMode.Detail => (
                state with
                {
                    Mode = TopMode.List,
                },
                TopWish.None
            ),
            (_, 'q') => (state, TopWish.Quit),
            (ConsoleKey.Escape, _) => (state with { Filter = "" }, TopWish.None),
            (ConsoleKey.DownArrow, _) or (_, 'j') => (state.Moved(table, 1), TopWish.None),
            (ConsoleKey.UpArrow, _) or (_, 'k') => (state.Moved(table, -1), TopWish.None),
            (ConsoleKey.Tab, _) => (state.At((state.Pane + 1) % Panes.Length), TopWish.None),
            (_, >= '1' and <= '4') => (state.At(key.KeyChar - '1'), TopWish.None),
            (_, '?') => (state with { Mode = TopMode.Help }, TopWish.None),
            (_, '/') => (state with { Mode = TopMode.Filter }, TopWish.None),
            (ConsoleKey.Enter, _) or (_, '\r' or '\n') when state.RowIn(table) is { } row => (
                state.Keeping(row.Id) with
                {
                    Mode = TopMode.Detail,
                    Scrolled = 0,
                },
                TopWish.None
            ),
            (_, 'c') when state.RowIn(table)?.Task is { Final: false } task => (
                state.Keeping(task.Id) with
                {
                    Mode = TopMode.Confirm,
                },
                TopWish.None
            ),
            (_, 'r') when state.RowIn(table)?.Task is { Final: true } => (state, TopWish.Retry),
            _ => (state, TopWish.None),
        };

    // What was chosen stays chosen, also when other lines come above it.
    private TopState Keeping(string id) => this with { Chosen = [.. Chosen.Select((old, i) => i == Pane ? id : old)] };

    private TopState At(int pane) => this with { Pane = pane, Mode = TopMode.List };

    private TopState Moved(TopTable table, int by) =>
        Mode == TopMode.Detail ? this with { Scrolled = Math.Max(0, Scrolled + by) }
        : table.Rows.Count == 0 ? this
        : Keeping(table.Rows[Math.Clamp(IndexIn(table) + by, 0, table.Rows.Count - 1)].Id);

    private TopState Typed(ConsoleKeyInfo key) =>
        key.Key switch
        {
            ConsoleKey.Escape => this with { Mode = TopMode.List, Filter = "" },
            ConsoleKey.Enter => this with { Mode = TopMode.List },
            ConsoleKey.Backspace => this with { Filter = Filter.Length > 0 ? Filter[..^1] : "" },
            _ when !char.IsControl(key.KeyChar) && Filter.Length < LongestFilter => this with
            {
                Filter = Filter + key.KeyChar,
            },
            _ => this,
        };
}
