using System.CommandLine;
using System.Net;
using Pollard.Agent.Backends;

namespace Pollard.Configuration;

/// <summary>The options that say which tools of this machine's network clients may call.</summary>
internal static class ToolSettings
{
    private static readonly Option<string[]> Http = CommonOptions.Texts(
        "--http",
        "NAME=URL",
        "Let clients call this tool over HTTP, below its address and nowhere else; may be given several times"
    );

    private static readonly Option<string?> HttpTools = CommonOptions.Text(
        "--http-tools",
        "FILE",
        "A file of tools with their methods, paths and headers, JSON. Default: none"
    );

    private static readonly Option<string[]> HttpNetworks = CommonOptions.Texts(
        "--http-networks",
        "NETWORK",
        "Private networks in which tools given by a name may be, such as 10.0.0.0/8. Default: none"
    );

    private static readonly Option<string?> HttpCa = CommonOptions.Text(
        "--http-ca",
        "FILE",
        "Certificates, PEM, of which one must have signed the tools'. Default: the system's"
    );

    private static readonly Option<string?> HttpProxy = CommonOptions.Text(
        "--http-proxy",
        "URL",
        "An HTTP proxy on the way to tools. Default: none"
    );

    /// <summary>All about tools.</summary>
    public static Option[] All { get; } = [Http, HttpTools, HttpNetworks, HttpCa, HttpProxy];

    /// <summary>The tools that the settings name; none when they name none.</summary>
    /// <exception cref="UsageException">One of them is wrong.</exception>
    public static IReadOnlyList<HttpToolOptions> Read(Settings settings)
    {
        var usual = new HttpToolOptions
        {
            Name = "",
            Url = new Uri("http://127.0.0.1"),
            Networks = [.. settings.Texts(HttpNetworks).Select(ReadNetwork)],
            CertificateAuthority = settings.Text(HttpCa),
            Proxy = settings.Address(HttpProxy),
        };
        List<HttpToolOptions> tools = [.. settings.Lines(Http).Select(text => ReadTool(text, usual))];
        if (settings.Text(HttpTools) is { } file)
        {
            tools.AddRange(ReadFile(file, usual));
        }

        return
            tools
                .CountBy(static tool => tool.Name, StringComparer.Ordinal)
                .FirstOrDefault(static named => named.Value > 1)
                is { Key: { } twice }
            ? throw new UsageException($"There are two tools of the name \"{twice}\"; a name stands for one.")
            : tools;
    }

    private static HttpToolOptions ReadTool(string text, HttpToolOptions usual)
    {
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        return equals > 0 && Uri.TryCreate(text[(equals + 1)..].Trim(), UriKind.Absolute, out var url)
            ? usual with
            {
                Name = text[..equals].Trim(),
                Url = url,
            }
            : throw new UsageException(
                $"--http is \"{text}\"; write a name and an address, such as wiki=http://10.0.0.5:8080."
            );
    }

    private static IReadOnlyList<HttpToolOptions> ReadFile(string path, HttpToolOptions usual)
    {
        try
        {
            return Agent.Backends.HttpTools.Read(path, usual);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new UsageException($"--http-tools cannot be read: {e.Message}", e);
        }
    }

    private static IPNetwork ReadNetwork(string text) =>
        IPNetwork.TryParse(text, out var network)
            ? network
            : throw new UsageException($"--http-networks has \"{text}\"; write a network such as 10.0.0.0/8.");
}
