using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends.Http;

/// <summary>Ends an attempt from within a parser or a translation; the backend turns it into its answer.</summary>
internal sealed class BackendException : Exception
{
    public BackendException(Messages.Fail failure, Exception? inner = null)
        : base(failure.Message, inner) => Failure = failure;

    /// <summary>What the attempt ends with.</summary>
    public Messages.Fail Failure { get; }
}
