using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Hosts.TaskAgents;

/// <summary>Which work an agent asks for: of the kind <c>task</c>, or by <c>?kinds=a,b&amp;models=c,d</c>.</summary>
/// <param name="Kinds">The kinds.</param>
/// <param name="Models">The models; <c>*</c> alone: any.</param>
/// <param name="Agent">What the program calls itself.</param>
internal sealed record TaskAgentQuery(IReadOnlyList<string> Kinds, IReadOnlyList<string> Models, string Agent)
{
    private static readonly IReadOnlyList<string> UsualKinds = [TaskAgentLimits.Kind];
    private static readonly IReadOnlyList<string> AnyModel = ["*"];

    /// <summary>What tells one agent from others of the same token, key or address.</summary>
    public string Name => $"{Agent}\n{string.Join(',', Kinds)}\n{string.Join(',', Models)}";

    /// <summary>What the engine is told that it can do.</summary>
    public IReadOnlyList<ModelInfo> Offered =>
        [.. Models.Select(model => new ModelInfo { Name = model, Kinds = Kinds })];

    /// <summary>What a request asks for.</summary>
    /// <exception cref="RejectedException">Its words are no kinds or models.</exception>
    public static TaskAgentQuery Of(HttpRequest request)
    {
        var kinds = Words(request, "kinds", UsualKinds, static kind => kind.All(IsOfKind));
        var models = Words(request, "models", AnyModel, LinkLimits.IsModelName);
        if (
            kinds.FirstOrDefault(static kind => TaskAgentLimits.Elsewhere.Contains(kind, StringComparer.Ordinal)) is
            { } elsewhere
        )
        {
            throw new RejectedException(TaskAgentLimits.NotHere(elsewhere));
        }

        var agent = request.Headers.UserAgent.ToString();
        return new TaskAgentQuery(
            kinds,
            models,
            agent.Length == 0 ? "unnamed" : PlainText.Of(agent, LooseJson.WordCharacters)
        );
    }

    private static bool IsOfKind(char c) => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.';

    private static IReadOnlyList<string> Words(
        HttpRequest request,
        string parameter,
        IReadOnlyList<string> usual,
        Func<string, bool> isGood
    )
    {
        var said = request.Query[parameter].ToString();
        if (said.Length == 0)
        {
            return usual;
        }

        var words = said.Split(',', StringSplitOptions.TrimEntries).Distinct(StringComparer.Ordinal).ToList();
        return
            words.Count <= TaskAgentLimits.Words
            && words.TrueForAll(word => word.Length is > 0 and <= LooseJson.WordCharacters && isGood(word))
            ? words
            : throw new RejectedException(
                DoorError.BadRequest(
                    $"\"{parameter}\" must be at most {TaskAgentLimits.Words} names with commas between"
                )
            );
    }
}
