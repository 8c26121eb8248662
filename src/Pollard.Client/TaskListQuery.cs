using System.Globalization;
using System.Text;
using Pollard.Protocol.Api;

namespace Pollard.Client;

/// <summary>Which tasks to list; what is null does not matter.</summary>
public sealed record TaskListQuery
{
    /// <summary>In this state.</summary>
    public string? State { get; init; }

    /// <summary>Of this kind.</summary>
    public string? Kind { get; init; }

    /// <summary>With this model.</summary>
    public string? Model { get; init; }

    /// <summary>Of this key; for administrators.</summary>
    public string? Owner { get; init; }

    /// <summary>That require a host with all of these labels, 8 at the most.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>The page after this one: <see cref="TaskPage.Next"/>.</summary>
    public string? Before { get; init; }

    /// <summary>At most so many, 1 to 1,000.</summary>
    public int? Limit { get; init; }

    /// <summary>As the query of an address.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        Add("state", State);
        Add("kind", Kind);
        Add("model", Model);
        Add("owner", Owner);
        foreach (var label in Labels)
        {
            Add("label", label);
        }

        Add("before", Before);
        Add("limit", Limit?.ToString(CultureInfo.InvariantCulture));
        return text.ToString();

        void Add(string name, string? value)
        {
            if (value is not null)
            {
                text.Append(text.Length == 0 ? '?' : '&').Append(name).Append('=');
                text.Append(Uri.EscapeDataString(value));
            }
        }
    }
}
