using System.Runtime.InteropServices;
using System.Text.Json;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Hosts;

/// <summary>
/// What a host says at the end of an attempt goes to clients, into the store, into logs and onto terminals: here it is bounded.
/// What is too long is cut or left out, and the answer stands; only what lacks its own word breaks the link.
/// </summary>
internal static class EndCheck
{
    private const int MostMessageCharacters = 1000;
    private const int MostUsageBytes = 16 * 1024;
    private const string OrdinaryReason = "stop";

    /// <summary>A good end within its bounds.</summary>
    public static Messages.Finish Bound(Messages.Finish finish)
    {
        // hot: once a task; an agent of ours says nothing that must be changed.
        var isPlain =
            (finish.Model is null || HelloCheck.IsWord(finish.Model))
            && AreReasons(finish.FinishReasons ?? [])
            && IsUsage(finish.Usage);
        return isPlain
            ? finish
            : finish with
            {
                Model = HelloCheck.IsWord(finish.Model) ? finish.Model : null,
                FinishReasons = finish
                    .FinishReasons?.Take(AnswerParts.MostChoices)
                    .Select(static reason => IsReason(reason) ? reason : OrdinaryReason)
                    .ToList(),
                Usage = IsUsage(finish.Usage) ? finish.Usage : null,
            };
    }

    /// <summary>A bad end within its bounds.</summary>
    /// <exception cref="LinkException">It has no code, no message, or names a parameter that is none.</exception>
    public static Messages.Fail Bound(Messages.Fail fail)
    {
        Require(fail.Code, fail.Message, fail.Parameter);
        return fail with { Message = PlainText.Of(fail.Message, MostMessageCharacters) };
    }

    /// <summary>A refusal within its bounds.</summary>
    /// <exception cref="LinkException">It has no code or no reason.</exception>
    public static Messages.Refuse Bound(Messages.Refuse refuse)
    {
        Require(refuse.Code, refuse.Reason, parameter: null);
        return refuse with { Reason = PlainText.Of(refuse.Reason, MostMessageCharacters) };
    }

    private static void Require(string? code, string? reason, string? parameter) =>
        HelloCheck.Require(
            HelloCheck.IsWord(code) && reason is not null && (parameter is null || HelloCheck.IsWord(parameter)),
            "a failure or refusal needs a code and a reason, and may name a parameter in 1 to 100 printable characters"
        );

    private static bool AreReasons(IReadOnlyList<string?> reasons)
    {
        for (var i = 0; i < reasons.Count; i++)
        {
            if (i >= AnswerParts.MostChoices || !IsReason(reasons[i]))
            {
                return false;
            }
        }

        return true;
    }

    // A null is what is usual there.
    private static bool IsReason(string? reason) => reason is null || HelloCheck.IsWord(reason);

    private static bool IsUsage(JsonElement? usage) =>
        usage is not { ValueKind: not JsonValueKind.Undefined } said
        || JsonMarshal.GetRawUtf8Value(said).Length <= MostUsageBytes;
}
