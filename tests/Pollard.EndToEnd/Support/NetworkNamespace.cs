using System.Diagnostics;

namespace Pollard.EndToEnd.Support;

/// <summary>
/// A machine of its own as far as the network goes: it can call the gateway's side, and nobody can call it: whatever it did
/// not ask for is dropped at its door, as a router at home does.
/// </summary>
internal sealed class NetworkNamespace : IDisposable
{
    private readonly string _name;

    private NetworkNamespace(string name, string gatewayAddress, string address)
    {
        _name = name;
        GatewayAddress = gatewayAddress;
        Address = address;
    }

    /// <summary>Where the machine finds the gateway.</summary>
    public string GatewayAddress { get; }

    /// <summary>The machine's own address, where nobody gets in.</summary>
    public string Address { get; }

    /// <summary>What is put before a command to run it on that machine.</summary>
    public string[] Wrapper => ["ip", "netns", "exec", _name];

    /// <summary>Makes machine number <paramref name="number"/>; skips the test where that is not allowed.</summary>
    public static NetworkNamespace Create(int number)
    {
        var name = $"pollard-{Environment.ProcessId}-{number}";
        if (Environment.UserName != "root" || Run("ip", "netns", "add", name) != 0)
        {
            Assert.Skip("Network namespaces need root and iproute2: hosts behind a closed door were not tried.");
        }

        var space = new NetworkNamespace(name, $"10.213.{number}.1", $"10.213.{number}.2");
        var (outer, inner) = ($"plo{number}", $"pli{number}");
        Run("sh", "-c", $"ip link delete {outer} 2>/dev/null"); // A run that was killed leaves it behind.
        Must("ip", "link", "add", outer, "type", "veth", "peer", "name", inner, "netns", name);
        Must("ip", "addr", "add", $"{space.GatewayAddress}/30", "dev", outer);
        Must("ip", "link", "set", outer, "up");
        Must([.. space.Wrapper, "ip", "addr", "add", $"{space.Address}/30", "dev", inner]);
        Must([.. space.Wrapper, "ip", "link", "set", inner, "up"]);
        Must([.. space.Wrapper, "ip", "link", "set", "lo", "up"]);
        Must([
            .. space.Wrapper,
            "nft",
            "add table inet door; add chain inet door in { type filter hook input priority 0; policy drop; }; add rule inet door in ct state established,related accept; add rule inet door in iif lo accept",
        ]);
        return space;
    }

    public void Dispose() => Run("ip", "netns", "delete", _name);

    private static void Must(params string[] command) =>
        Assert.True(Run(command) == 0, $"{string.Join(' ', command)} failed.");

    private static int Run(params string[] command)
    {
        using var process = Process.Start(command[0], command[1..]);
        process.WaitForExit();
        return process.ExitCode;
    }
}
