namespace Pollard.Tasks.Dispatch;

/// <summary>The owners of tasks and what each had of the pool. Used under the engine's lock.</summary>
internal sealed class OwnerShares(TimeProvider time)
{
    private readonly Dictionary<string, OwnerShare> _owners = new(StringComparer.Ordinal);

    /// <summary>Owners with tasks that wait.</summary>
    public int Waiting { get; set; }

    public OwnerShare Of(string name)
    {
        if (!_owners.TryGetValue(name, out var owner))
        {
            owner = new OwnerShare(name, this, time);
            _owners.Add(name, owner);
        }

        return owner;
    }
}
