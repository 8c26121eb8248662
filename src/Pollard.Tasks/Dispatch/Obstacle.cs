using Pollard.Protocol.Api;

namespace Pollard.Tasks.Dispatch;

/// <summary>What no connected host has of what a task requires, though some have its model.</summary>
/// <param name="Requirement">The member of <see cref="TaskRequirements"/>, as it is written: <c>context</c>, <c>labels</c>, ...</param>
/// <param name="Message">What is missing, and what would make it possible; for people.</param>
public sealed record Obstacle(string Requirement, string Message)
{
    /// <summary>Looks for it among the hosts that do such work with the model; null: one of them has everything, or there are none.</summary>
    internal static Obstacle? Find(
        IReadOnlyList<DispatchHost> hosts,
        string kind,
        string model,
        TaskRequirements requires
    )
    {
        var able = hosts.Where(host => host.NameFor(kind, model, requires: null) is not null).ToList();
        if (able.Count == 0 || able.Exists(host => host.NameFor(kind, model, requires) is not null))
        {
            return null;
        }

        return OfContext(able, kind, model, requires)
            ?? OfTier(able, kind, model, requires)
            ?? OfWords(able, kind, model, requires)
            ?? OfHost(able, kind, model, requires)
            ?? new Obstacle(
                "requires",
                $"hosts with \"{model}\" have each thing that is required, but none of them has all; ask for less, or start an agent that has all of it"
            );
    }

    private static Obstacle? OfContext(List<DispatchHost> able, string kind, string model, TaskRequirements requires) =>
        requires.Context is { } context && NoneMeets(able, kind, model, new() { Context = context })
            ? new Obstacle(
                "context",
                $"the largest context of \"{model}\" here is {able.Max(host => host.ContextOf(model))} tokens; this needs {context}. Ask for less, or start an agent that offers the model with more"
            )
            : null;

    private static Obstacle? OfTier(List<DispatchHost> able, string kind, string model, TaskRequirements requires) =>
        requires.Tier is { } tier && NoneMeets(able, kind, model, new() { Tier = tier })
            ? new Obstacle(
                "tier",
                $"this is for hosts that are {Named(tier)}, and those with \"{model}\" are {Named(able.Max(host => host.Description.Tier))} at the most; start an agent with a join token of that tier (pollard token create --tier {Named(tier)}), or require less"
            )
            : null;

    private static Obstacle? OfWords(List<DispatchHost> able, string kind, string model, TaskRequirements requires)
    {
        foreach (var label in requires.Labels ?? [])
        {
            if (NoneMeets(able, kind, model, new() { Labels = [label] }))
            {
                return new Obstacle(
                    "labels",
                    $"no host with \"{model}\" has the label \"{label}\"; start its agent with --labels {label}, or leave the label out"
                );
            }
        }

        foreach (var feature in requires.Features ?? [])
        {
            if (NoneMeets(able, kind, model, new() { Features = [feature] }))
            {
                return new Obstacle(
                    "features",
                    $"\"{model}\" cannot do \"{feature}\" on any host here; ask for a model that can"
                );
            }
        }

        return null;
    }

    private static Obstacle? OfHost(List<DispatchHost> able, string kind, string model, TaskRequirements requires) =>
        requires.Host is { } host && NoneMeets(able, kind, model, new() { Host = host })
            ? new Obstacle(
                "host",
                $"no host that is called \"{host}\" and has \"{model}\" is here; name another one, or none"
            )
            : null;

    private static bool NoneMeets(List<DispatchHost> able, string kind, string model, TaskRequirements requires) =>
        able.TrueForAll(host => host.NameFor(kind, model, requires) is null);

    private static string Named(TrustTier tier) => DispatchHost.Named(tier);
}
