namespace Pollard.Bench.Machine;

/// <summary>One machine of a <see cref="MachineNetwork"/>.</summary>
/// <param name="space">The name of its namespace.</param>
/// <param name="wire">The end of its wire at the bridge.</param>
/// <param name="address">Where the others find it.</param>
internal sealed class NetworkMachine(string space, string wire, string address)
{
    private const string Card = "eth0";

    /// <summary>The name of its namespace.</summary>
    public string Space => space;

    /// <summary>The end of its wire at the bridge.</summary>
    public string Wire => wire;

    /// <summary>Where the others find it.</summary>
    public string Address => address;

    /// <summary>What is put before a command to run it on this machine.</summary>
    public string[] Wrapper => ["ip", "netns", "exec", space];

    /// <summary>Lets nobody in from now on: what it did not ask for is dropped, as by a router at home. Needs nftables.</summary>
    public void CloseDoor() =>
        SystemTool.Must([
            .. Wrapper,
            "nft",
            "add table inet door; add chain inet door in { type filter hook input priority 0; policy drop; }; add rule inet door in ct state established,related accept; add rule inet door in iif lo accept",
        ]);

    /// <summary>Its network goes away: whatever is sent is lost, both ways, and neither end is told.</summary>
    public void Unplug() => SystemTool.Must("bridge", "link", "set", "dev", wire, "state", "0");

    /// <summary>Its network is there again.</summary>
    public void Plug() => SystemTool.Must("bridge", "link", "set", "dev", wire, "state", "3");

    /// <summary>Makes it.</summary>
    internal void Build(string bridge)
    {
        SystemTool.Must("ip", "netns", "add", space);
        SystemTool.Must("ip", "link", "add", wire, "type", "veth", "peer", "name", Card, "netns", space);
        SystemTool.Must("ip", "link", "set", wire, "master", bridge, "up");
        SystemTool.Must("ip", "-n", space, "addr", "add", $"{address}/24", "dev", Card);
        SystemTool.Must("ip", "-n", space, "link", "set", Card, "up");
        SystemTool.Must("ip", "-n", space, "link", "set", "lo", "up");
    }
}
