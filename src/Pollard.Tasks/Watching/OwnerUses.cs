namespace Pollard.Tasks.Watching;

/// <summary>What each owner's tasks have used since the engine's start. Used under the engine's lock.</summary>
internal sealed class OwnerUses
{
    private const int Most = 10_000; // Keys are few; strangers, who are owners by their address, may be many.
    private readonly Dictionary<string, Use> _uses = new(StringComparer.Ordinal);

    public OwnerUse? Of(string owner) =>
        _uses.TryGetValue(owner, out var use)
            ? new OwnerUse(use.Tasks, use.Completed, use.Failed, use.InputTokens, use.OutputTokens, use.LastUsedAt)
            : null;

    public void Submitted(TaskRow row)
    {
        if (Find(row.Owner) is { } use)
        {
            use.Tasks++;
            use.LastUsedAt = row.CreatedAt;
        }
    }

    public void Ended(TaskRow row, TokenCounts tokens)
    {
        if (Find(row.Owner) is not { } use)
        {
            return;
        }

        use.Completed += row.State == TaskState.Completed ? 1 : 0;
        use.Failed += row.State is TaskState.Failed or TaskState.Timeout ? 1 : 0;
        use.InputTokens += tokens.Input ?? 0;
        use.OutputTokens += tokens.Output ?? 0;
    }

    private Use? Find(string owner)
    {
        if (!_uses.TryGetValue(owner, out var use) && _uses.Count < Most)
        {
            _uses.Add(owner, use = new Use());
        }

        return use;
    }

    private sealed class Use
    {
        public long Tasks { get; set; }

        public long Completed { get; set; }

        public long Failed { get; set; }

        public long InputTokens { get; set; }

        public long OutputTokens { get; set; }

        public DateTimeOffset LastUsedAt { get; set; }
    }
}
