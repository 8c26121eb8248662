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

    /// <summary>Why messages are not passed on; null when they may be.</summary>
    /// <param name="messages">The value of <c>messages</c>, which is JSON.</param>
    /// <param name="mayFetch">The host's owner lets its server fetch from the web.</param>
    public static Messages.Fail? Refusal(ReadOnlySpan<byte> messages, bool mayFetch)
    {
        Utf8JsonReader json = new(messages);
        var (inContent, isUrl) = (false, false);
        while (json.Read())
        {
            if (json.TokenType == JsonTokenType.PropertyName)
            {
                inContent = json.CurrentDepth == DepthOfMembers ? json.ValueTextEquals("content"u8) : inContent;
                isUrl = inContent && (json.ValueTextEquals("url"u8) || json.ValueSpan.EndsWith("_url"u8));
            }
            else if (isUrl && json.TokenType == JsonTokenType.String && !MayPass(json, mayFetch))
            {
                return BackendFailure.BadRequest(
                    "a part of a message names a file by its address, and this host passes on only data: URLs; send \"data:image/png;base64,...\" (its owner can allow http and https with --allow-urls)"
                ) with
                {
                    Code = "unsupported",
                    Parameter = "messages",
                };
            }
        }

        return null;
    }

    private static bool MayPass(in Utf8JsonReader json, bool mayFetch)
    {
        var url = json.GetString()!;
        return Begins(url, "data:") || (mayFetch && (Begins(url, "http://") || Begins(url, "https://")));
    }

    private static bool Begins(string url, string scheme) => url.StartsWith(scheme, StringComparison.OrdinalIgnoreCase);
}
