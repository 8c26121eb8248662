using System.Net;
using Pollard.Agent.Backends.Http;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends.Tools;

/// <summary>Where a tool is: which addresses are its own, and which of this network it may have.</summary>
internal sealed class ToolAddress
{
    private const int MostUnescapes = 4;
    private readonly HttpToolOptions _options;
    private readonly string _base;
    private readonly bool _isInNumbers;

    /// <exception cref="ArgumentException">The address is none that can be called.</exception>
    public ToolAddress(HttpToolOptions options)
    {
        _options = options;
        var url = options.Url;
        if (!LinkLimits.IsModelName(options.Name) || options.Name.Contains('/', StringComparison.Ordinal))
        {
            throw new ArgumentException(
                $"the tool's name \"{options.Name}\" must be 1 to {LinkLimits.ModelNameCharacters} letters, digits and . _ - : @ +",
                nameof(options)
            );
        }

        if (
            !url.IsAbsoluteUri
            || url.Scheme is not ("http" or "https")
            || url is not { UserInfo: "", Query: "", Fragment: "" }
        )
        {
            throw new ArgumentException(
                $"the address of tool \"{options.Name}\" must be http:// or https:// with a host and at the most a path; a password belongs in a header",
                nameof(options)
            );
        }

        _base = url.AbsolutePath.TrimEnd('/');
        _isInNumbers = url.Host == "localhost" || url.HostNameType is UriHostNameType.IPv4 or UriHostNameType.IPv6;
    }

    /// <summary>The address without a slash at its end.</summary>
    public string Root => Authority + _base;

    private string Authority => _options.Url.GetLeftPart(UriPartial.Authority);

    /// <summary>The whole address of a path and query below the tool's; empty: the tool's own.</summary>
    /// <exception cref="BackendException">It leads elsewhere, or is not allowed.</exception>
    public Uri Below(string path)
    {
        if (
            (path.Length > 0 && !path.StartsWith('/'))
            || !IsPlain(path)
            || !Uri.TryCreate(Root + path, UriKind.Absolute, out var whole)
        )
        {
            throw new BackendException(
                ToolFailure.Bad("\"path\" must begin with \"/\" and be written as in an address", "path")
            );
        }

        Check(whole);
        return whole;
    }

    /// <summary>The same for an address that is whole already.</summary>
    /// <exception cref="BackendException">It leads elsewhere, or is not allowed.</exception>
    public Uri Checked(string url)
    {
        if (!IsPlain(url) || !Uri.TryCreate(url, UriKind.Absolute, out var whole))
        {
            throw new BackendException(ToolFailure.Bad("\"url\" must be a whole address", "url"));
        }

        Check(whole);
        return whole;
    }

    /// <summary>An address of the tool's own as a path below it; null for any other.</summary>
    public string? PathOf(Uri address) => IsOwn(address) ? address.PathAndQuery[_base.Length..] : null;

    /// <summary>Whether the tool may be at this address.</summary>
    public bool Allows(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return _isInNumbers
            || !PrivateNetworks.Have(address)
            || _options.Networks.Any(network => PrivateNetworks.IsIn(network, plain));
    }

    // What a server makes of an escaped dot or slash is its own affair: such ways out of the path are closed for all of them.
    private void Check(Uri whole)
    {
        var path = whole.AbsolutePath;
        for (var i = 0; i < MostUnescapes && Uri.UnescapeDataString(path) is var plain && plain != path; i++)
        {
            path = plain;
        }

        var below = IsOwn(whole) ? path[Math.Min(Uri.UnescapeDataString(_base).Length, path.Length)..] : null;
        if (below is null || below.Split('/', '\\').Any(static part => part is ".." or "."))
        {
            throw new BackendException(
                ToolFailure.NotAllowed($"the call leads away from the address of tool \"{_options.Name}\"")
            );
        }

        if (!_options.Paths.Any(pattern => IsMatch(pattern, below.Length == 0 ? "/" : below)))
        {
            throw new BackendException(
                ToolFailure.NotAllowed($"the owner does not allow this path of tool \"{_options.Name}\"")
            );
        }
    }

    private bool IsOwn(Uri address) =>
        address.UserInfo.Length == 0
        && address.GetLeftPart(UriPartial.Authority).Equals(Authority, StringComparison.OrdinalIgnoreCase)
        && (address.AbsolutePath == _base || address.AbsolutePath.StartsWith(_base + "/", StringComparison.Ordinal));

    private static bool IsMatch(string pattern, string path) =>
        System.IO.Enumeration.FileSystemName.MatchesSimpleExpression(
            pattern.Replace("?", "\\?", StringComparison.Ordinal),
            path,
            ignoreCase: false
        );

    // A literal "#" would cut the rest off, and blanks and controls are read in different ways by different servers.
    private static bool IsPlain(string address) =>
        address.Length <= ToolCall.MostAddressCharacters
        && !address.AsSpan().ContainsAny("#\\")
        && !address.Any(static c => c is <= ' ' or >= '\x7f');
}
