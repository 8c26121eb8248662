using System.Text.Json;
using Pollard.Agent.Backends.Http;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends.OpenAi;

/// <summary>
/// Looks for addresses that a server would fetch from among the parts of messages: images, and what compatible servers take
/// besides. A client elsewhere must not make a machine call into its own network.
/// </summary>
internal static class ContentUrls
{
    private const int DepthOfMembers = 2;
    private const int MostSchemeCharacters = 16;

    /// <summary>Why a request is not passed on; null when it may be.</summary>
    /// <param name="value">The value of <c>messages</c>, <c>input</c> or <c>tools</c>, which is JSON.</param>
    /// <param name="member">Which of them.</param>
    /// <param name="mayFetch">The host's owner lets its server fetch from the web.</param>
    public static Messages.Fail? Refusal(ReadOnlySpan<byte> value, string member, bool mayFetch)
    {
        var areMessages = member == "messages";
        Utf8JsonReader json = new(value);
        var (inContent, isUrl, isText) = (!areMessages, false, true);
        while (json.Read())
        {
            if (json.TokenType == JsonTokenType.PropertyName)
            {
                var name = MemberNames.Fold(json);
                inContent =
                    areMessages && json.CurrentDepth == DepthOfMembers ? name.SequenceEqual("content"u8) : inContent;
                isUrl = inContent && (name.SequenceEqual("url"u8) || name.EndsWith("_url"u8));
                isText = member == "tools" || IsText(name); // A schema may speak of addresses.
            }
            else if (
                json.TokenType == JsonTokenType.String
                && (isUrl || (inContent && !isText && IsAddress(json)))
                && !MayPass(json, mayFetch)
            )
            {
                return BackendFailure.BadRequest(
                    "a part of the request names a file or a server by its address, and this host passes on only data: URLs; send \"data:image/png;base64,...\" (its owner can allow http and https with --allow-urls)"
                ) with
                {
                    Code = "unsupported",
                    Parameter = member,
                };
            }
        }

        return null;
    }

    private static bool IsText(ReadOnlySpan<byte> name) =>
        name.SequenceEqual("text"u8)
        || name.SequenceEqual("content"u8)
        || name.SequenceEqual("refusal"u8)
        || name.SequenceEqual("thinking"u8)
        || name.SequenceEqual("reasoning"u8);

    // Servers have more words for a file than we know ("image", "video"); what stands behind them shows what they are.
    private static bool IsAddress(in Utf8JsonReader json) =>
        json.GetString()!.AsSpan() is var text
        && text[..Math.Min(text.Length, MostSchemeCharacters)].Contains("://", StringComparison.Ordinal);

    private static bool MayPass(in Utf8JsonReader json, bool mayFetch)
    {
        var url = json.GetString()!;
        return Begins(url, "data:") || (mayFetch && (Begins(url, "http://") || Begins(url, "https://")));
    }

    private static bool Begins(string url, string scheme) => url.StartsWith(scheme, StringComparison.OrdinalIgnoreCase);
}
