using System.Security.Cryptography;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Hosts.Andy;

/// <summary>One attempt that a host has. Its id is random and good once, and only from the host's own address.</summary>
internal sealed class AndyWork(Attempt attempt, long givenAt)
{
    /// <summary>What the host calls it.</summary>
    public string Id { get; } = RandomNumberGenerator.GetHexString(32, lowercase: true);

    /// <summary>The attempt.</summary>
    public Attempt Attempt => attempt;

    /// <summary>When the host got it, on the monotonic clock.</summary>
    public long GivenAt => givenAt;

    /// <summary>The engine counts on it no more; the host, which nobody can tell, still works on it.</summary>
    public bool IsOver { get; set; }

    /// <summary>The host asked for more while it had this.</summary>
    public bool WasAskedAlongside { get; set; }
}
