using System.Net.Sockets;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends.Tools;

/// <summary>The ways in which a call of a tool fails. What is told names the tool, never its address: that is the owner's.</summary>
internal static class ToolFailure
{
    /// <summary>The call is not what it should be.</summary>
    public static Messages.Fail Bad(string message, string? parameter = null) =>
        new()
        {
            Code = "bad_request",
            Message = message,
            Status = 400,
            Retryable = false,
            Parameter = parameter,
        };

    /// <summary>The owner does not allow it.</summary>
    public static Messages.Fail NotAllowed(string message) =>
        new()
        {
            Code = "not_allowed",
            Message = message,
            Status = 403,
            Retryable = false,
        };

    /// <summary>The owner's own settings do not work.</summary>
    public static Messages.Fail Misconfigured(string message) =>
        new()
        {
            Code = "agent_error",
            Message = message,
            Retryable = true, // Another host's may.
        };

    /// <summary>The answer is larger than the owner allows.</summary>
    public static Messages.Fail TooLarge(string tool, long most) =>
        new()
        {
            Code = "response_too_large",
            Message = $"the answer of tool \"{tool}\" is over the limit of {most} bytes",
            Retryable = false,
        };

    /// <summary>The tool was silent for too long. Whether it has acted nobody knows.</summary>
    public static Messages.Fail Late(string tool, TimeSpan limit, bool isRepeatable) =>
        new()
        {
            Code = "tool_timeout",
            Message = FormattableString.Invariant($"tool \"{tool}\" was silent for {limit.TotalSeconds:0.###} s"),
            Status = 504,
            Retryable = isRepeatable,
        };

    /// <summary>The tool could not be reached, or broke off.</summary>
    public static Messages.Fail Broken(string tool, Exception why, bool isRepeatable)
    {
        if (why.GetBaseException() is ToolNetworkException)
        {
            return Misconfigured(
                $"tool \"{tool}\" is at an address in a private network, which its owner has not allowed; see the agent's log"
            );
        }

        var error = (why as HttpRequestException)?.HttpRequestError;
        var neverSent =
            error
            is HttpRequestError.ConnectionError
                or HttpRequestError.NameResolutionError
                or HttpRequestError.SecureConnectionError
                or HttpRequestError.ProxyTunnelError;
        var reason = error switch
        {
            HttpRequestError.NameResolutionError => "its name is not known",
            HttpRequestError.SecureConnectionError => "its certificate is not accepted",
            HttpRequestError.ProxyTunnelError => "the proxy does not let the call through",
            HttpRequestError.ConnectionError when why.GetBaseException() is SocketException socket =>
                $"it does not take connections ({socket.SocketErrorCode})",
            HttpRequestError.InvalidResponse => "what it says is no HTTP",
            _ => "it broke off",
        };
        return new Messages.Fail
        {
            Code = "tool_unreachable",
            Message = $"tool \"{tool}\" cannot be called: {reason}",
            Status = 502,
            Retryable = neverSent || isRepeatable,
        };
    }
}
