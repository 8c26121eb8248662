using System.Globalization;

namespace Pollard.Bench;

/// <summary>What follows the suite's name: <c>--name value</c>, or <c>--name</c> alone for yes.</summary>
internal sealed class BenchArguments(string[] args)
{
    /// <summary>How long one measurement takes.</summary>
    public TimeSpan Duration => TimeSpan.FromSeconds(Number("seconds", 5));

    /// <summary>True when it is there.</summary>
    public bool Has(string name) => args.Contains($"--{name}", StringComparer.Ordinal);

    /// <summary>A value, or null.</summary>
    public string? Text(string name)
    {
        var at = Array.IndexOf(args, $"--{name}");
        return at >= 0 && at + 1 < args.Length ? args[at + 1] : null;
    }

    /// <summary>A number, or what stands in for it.</summary>
    public int Number(string name, int otherwise) =>
        Text(name) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
