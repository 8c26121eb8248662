using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Answers;

/// <summary>
/// Short names: <c>andy-4</c> is <c>sweaterdog/andy-4:latest</c>, if hosts have one such model only. Of several tags of one model
/// the usual one is meant.
/// </summary>
internal sealed class ModelFamilies(HostPool pool)
{
    private const string UsualTag = "latest";
    private int _version;
    private (int Version, Dictionary<string, string?> Names)? _known;

    /// <summary>A host came, went, or has other models.</summary>
    public void Changed() => Interlocked.Increment(ref _version);

    /// <summary>The model that a short name means; null when there is none, or more than one.</summary>
    public string? Find(string name)
    {
        if (name.AsSpan().ContainsAny('/', ':'))
        {
            return null; // It says which one it means.
        }

        var version = Volatile.Read(ref _version);
        var known = _known;
        if (known is null || known.Value.Version != version)
        {
            _known = known = (version, Read());
        }

        return known.Value.Names.GetValueOrDefault(name);
    }

    private Dictionary<string, string?> Read()
    {
        var names = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (
            var family in pool.Models()
                .Select(static model => model.Name)
                .Where(static name => name.Contains('/', StringComparison.Ordinal))
                .GroupBy(ShortOf, StringComparer.Ordinal)
        )
        {
            var all = family.ToList();
            var usual = all.Where(IsUsual).ToList();
            names[family.Key] =
                usual is [var one] ? one
                : all is [var only] ? only
                : null;
        }

        return names;
    }

    private static string ShortOf(string name)
    {
        var last = name[(name.LastIndexOf('/') + 1)..];
        var tag = last.IndexOf(':', StringComparison.Ordinal);
        return tag < 0 ? last : last[..tag];
    }

    private static bool IsUsual(string name)
    {
        var tag = name.IndexOf(':', name.LastIndexOf('/'));
        return tag < 0 || name.AsSpan(tag + 1).SequenceEqual(UsualTag);
    }
}
