using System.Text.RegularExpressions;
using Pollard.Agent.Backends.Http;
using Pollard.Protocol.Api;

namespace Pollard.Agent.Backends.Tools;

/// <summary>Which header lines go to a tool and come back from it.</summary>
internal sealed partial class ToolHeaders(HttpToolOptions options)
{
    private const int MostSecretBytes = 16 * 1024;

    // What this agent says itself.
    private static readonly HashSet<string> OwnOfRequests = new(StringComparer.OrdinalIgnoreCase)
    {
        "Host",
        "Content-Length",
        "Expect",
        "Forwarded",
        "Via",
    };

    /// <summary>The request, with the client's lines that the owner lets through and the owner's own.</summary>
    /// <exception cref="BackendException">A secret of the owner's cannot be read.</exception>
    public HttpRequestMessage Apply(ToolCall call)
    {
        var request = new HttpRequestMessage(call.Method, call.Address)
        {
            Version = System.Net.HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
            Content = call.Body is { } body ? new ReadOnlyMemoryContent(body) : null,
        };
        var named = Named(call.Fields);
        foreach (var field in call.Fields)
        {
            if (
                !HttpFields.IsOfConnection(field.Name)
                && !OwnOfRequests.Contains(field.Name)
                && !named.Contains(field.Name)
                && options.PassHeaders?.Contains(field.Name, StringComparer.OrdinalIgnoreCase) != false
                && !options.Headers.Keys.Contains(field.Name, StringComparer.OrdinalIgnoreCase)
            )
            {
                Add(request, field.Name, field.Value);
            }
        }

        foreach (var (name, value) in options.Headers)
        {
            Add(request, name, Secret().Replace(value, Reveal));
        }

        return request;
    }

    /// <summary>The header of an answer, as it may leave this machine.</summary>
    public static IReadOnlyList<HttpField> Of(HttpResponseMessage response, ToolAddress address)
    {
        var fields = new List<HttpField>();
        foreach (var (name, values) in response.Headers.NonValidated.Concat(response.Content.Headers.NonValidated))
        {
            foreach (var value in values)
            {
                if (HttpFields.IsName(name) && HttpFields.IsValue(value))
                {
                    fields.Add(new HttpField(name, IsPlace(name) ? Outside(value, response, address) : value));
                }
            }
        }

        var named = Named(fields);
        fields.RemoveAll(field => HttpFields.IsOfConnection(field.Name) || named.Contains(field.Name));
        return fields;
    }

    // Lines that a "Connection" line names are about the connection as well.
    private static HashSet<string> Named(IReadOnlyList<HttpField> fields) =>
        fields
            .Where(static field => field.Name.Equals("Connection", StringComparison.OrdinalIgnoreCase))
            .SelectMany(static field => field.Value.Split(',', StringSplitOptions.TrimEntries))
            .ToHashSet(StringComparer.OrdinalIgnoreCase);

    private static bool IsPlace(string name) =>
        name.Equals("Location", StringComparison.OrdinalIgnoreCase)
        || name.Equals("Content-Location", StringComparison.OrdinalIgnoreCase);

    // A place of the tool's own is told as a path below the tool; of any other, only that is known which the tool said.
    private static string Outside(string value, HttpResponseMessage response, ToolAddress address) =>
        Uri.TryCreate(response.RequestMessage!.RequestUri, value, out var place)
            ? (address.PathOf(place) is { } path ? path + place.Fragment : value)
            : value;

    private static void Add(HttpRequestMessage request, string name, string value)
    {
        if (!request.Headers.TryAddWithoutValidation(name, value))
        {
            request.Content?.Headers.TryAddWithoutValidation(name, value);
        }
    }

    private string Reveal(Match match)
    {
        var (kind, name) = (match.Groups["kind"].Value, match.Groups["name"].Value);
        try
        {
            var secret = kind == "env" ? Environment.GetEnvironmentVariable(name) : ReadSecret(name);
            if (secret is not null && HttpFields.IsValue(secret))
            {
                return secret;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The message would tell clients the path.
        }

        throw new BackendException(
            ToolFailure.Misconfigured($"a secret for tool \"{options.Name}\" cannot be read on the agent's machine")
        );
    }

    private static string ReadSecret(string path)
    {
        var file = new FileInfo(path);
        return file.Length <= MostSecretBytes
            ? File.ReadAllText(path).Trim()
            : throw new IOException("a secret is not as long as that");
    }

    [GeneratedRegex(
        @"\$\{(?<kind>file|env):(?<name>[^}]+)\}",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Secret();
}
