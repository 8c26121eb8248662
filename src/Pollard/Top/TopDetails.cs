using System.Globalization;
using Pollard.Configuration;
using Pollard.Output;
using Pollard.Protocol;
using Pollard.Protocol.Api;

namespace Pollard.Top;

/// <summary>All about a host or a model, line by line.</summary>
internal static class TopDetails
{
    /// <summary>A machine: what it is, what it serves, how it has done.</summary>
    public static IReadOnlyList<string> Of(HostDocument host, DateTimeOffset now) =>
        [
            .. Fields(
                ("id", host.Id),
                ("name", host.Name),
                ("state", host.State),
                ("why no work", host.Reason),
                ("rests until", host.RestsUntil is { } until ? Moments.Format(until) : null),
                ("busy", $"{Number(host.Running)} of {Number(host.Slots)} slots"),
                ("link", host.Carrier),
                ("agent", host.Agent),
                ("role", host.Role),
                ("tier", Commands.HostsCommand.Named(host.Tier)),
                ("owner", host.Owner),
                ("enrolled", Moments.Format(host.EnrolledAt)),
                ("seen", host.SeenAt is { } seen ? Durations.Format(now - seen) + " ago" : "never"),
                ("tries", host.Reliability is { } tries ? Tries(tries) : null)
            ),
            "",
            .. host.Models.SelectMany(model => Model(host, model)),
            .. host.ExcludedModels is { Count: > 0 } excluded
                ? [$"not for it: {string.Join(", ", excluded)}"]
                : Array.Empty<string>(),
        ];

    /// <summary>A model: who serves it, and what waits for it.</summary>
    public static IReadOnlyList<string> Of(ServedModelRow row) =>
        [
            .. Fields(("model", row.Name), ("served by", row.Owner)),
            "",
            .. row.Hosts.SelectMany(host =>
                (string[])
                    [
                        $"{host.Name} ({host.State}, {Number(host.Running)} of {Number(host.Slots)} slots)",
                        .. host
                            .Models.Where(model => string.Equals(model.Name, row.Name, StringComparison.Ordinal))
                            .SelectMany(model => Model(host, model).Skip(1)),
                    ]
            ),
            .. row.Hosts.Count == 0 ? ["no host has it"] : Array.Empty<string>(),
        ];

    private static IEnumerable<string> Model(HostDocument host, ModelInfo model)
    {
        yield return model.Name;
        foreach (var line in Fields(("  kinds", Listed(model.Kinds)), ("  can", Listed(model.Capabilities))))
        {
            yield return line;
        }

        foreach (var rate in host.Rates ?? [])
        {
            if (string.Equals(rate.Model, model.Name, StringComparison.Ordinal))
            {
                yield return $"  {rate.Kind}: {Speed(rate)}";
            }
        }
    }

    private static string Speed(MeasuredRate rate) =>
        string.Join(
            ", ",
            (
                (string?[])
                    [
                        rate.TokensPerSecond is { } speed ? FormattableString.Invariant($"{speed:0.#} tokens/s") : null,
                        rate.LoadSeconds is { } load ? FormattableString.Invariant($"loads in {load:0.#} s") : null,
                        FormattableString.Invariant($"{rate.Reliability:0%} of tries well"),
                    ]
            ).OfType<string>()
        );

    private static string Tries(HostReliability tries) =>
        FormattableString.Invariant($"{tries.Completed} completed, {tries.Failed} failed, {tries.Lost} lost");

    private static string? Listed(IReadOnlyList<string>? words) =>
        words is { Count: > 0 } some ? string.Join(", ", some) : null;

    private static List<string> Fields(params ReadOnlySpan<(string Name, string? Value)> fields)
    {
        List<string> lines = [];
        foreach (var (name, value) in fields)
        {
            if (value is not null)
            {
                lines.Add($"{name, -11} {value}");
            }
        }

        return lines;
    }

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A model and who has it.</summary>
/// <param name="Name">What clients ask for.</param>
/// <param name="Owner">Who serves it, as the gateway says to clients.</param>
/// <param name="Hosts">The hosts that have it.</param>
internal readonly record struct ServedModelRow(string Name, string? Owner, IReadOnlyList<HostDocument> Hosts);
