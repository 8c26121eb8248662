using System.ComponentModel;
using System.Globalization;
using System.Net.NetworkInformation;

namespace Pollard.Bench.Machine;

/// <summary>
/// Machines of their own as far as the network goes: namespaces that are wired to one bridge. All of it is named after this
/// process, so that the next run finds what a killed one left behind. Needs root and iproute2.
/// </summary>
internal sealed class MachineNetwork : IDisposable
{
    private const int MostMachines = 250; // One byte of the address.
    private const string SpacePrefix = "pollard-";
    private const string BridgePrefix = "plb";
    private const string WirePrefix = "plw";
    private static int _numbers;
    private readonly string _bridge = Named(BridgePrefix);
    private readonly List<NetworkMachine> _machines = [];

    private MachineNetwork(string subnet) => Address = $"{subnet}.1";

    /// <summary>Where the machines find this one.</summary>
    public string Address { get; }

    /// <summary>The machines.</summary>
    public IReadOnlyList<NetworkMachine> Machines => _machines;

    /// <summary>Makes a network, after it has cleared away what killed runs left behind.</summary>
    /// <param name="machines">How many machines are in it, 250 at the most.</param>
    /// <param name="why">Why there is none, for people; empty when there is one.</param>
    /// <returns>Null where this is not allowed or cannot be done.</returns>
    public static MachineNetwork? TryCreate(int machines, out string why)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(machines, MostMachines);
        MachineNetwork? network = null;
        try
        {
            ClearLeftovers();
            var subnet = FreeSubnet();
            network = new MachineNetwork(subnet);
            network.Build(subnet, machines);
            why = "";
            return network;
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException)
        {
            network?.Dispose();
            why = $"Network namespaces need root and iproute2 (Debian: apt-get install iproute2). {e.Message}";
            return null;
        }
    }

    /// <summary>What runs on the machines is killed, and all of it deleted.</summary>
    public void Dispose()
    {
        foreach (var machine in _machines)
        {
            DeleteSpace(machine.Space);
            SystemTool.Run("ip", "link", "delete", machine.Wire); // Lost processes could hold the namespace, and with it the wire.
        }

        SystemTool.Run("ip", "link", "delete", _bridge);
    }

    private void Build(string subnet, int machines)
    {
        SystemTool.Must("ip", "link", "add", _bridge, "type", "bridge");
        SystemTool.Must("ip", "addr", "add", $"{Address}/24", "dev", _bridge);
        SystemTool.Must("ip", "link", "set", _bridge, "up");
        for (var i = 0; i < machines; i++)
        {
            var machine = new NetworkMachine(Named(SpacePrefix), Named(WirePrefix), $"{subnet}.{i + 2}");
            _machines.Add(machine); // First: what is only half there is deleted too.
            machine.Build(_bridge);
        }
    }

    private static void ClearLeftovers()
    {
        foreach (var line in SystemTool.Must("ip", "netns", "list").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var space = line.Split(' ')[0];
            if (IsLeftover(space, SpacePrefix))
            {
                DeleteSpace(space);
            }
        }

        foreach (var link in Directory.GetDirectories("/sys/class/net").Select(Path.GetFileName))
        {
            if (IsLeftover(link!, WirePrefix) || IsLeftover(link!, BridgePrefix))
            {
                SystemTool.Run("ip", "link", "delete", link!);
            }
        }
    }

    private static void DeleteSpace(string space)
    {
        var (code, pids) = SystemTool.Run("ip", "netns", "pids", space);
        if (code == 0)
        {
            foreach (var pid in pids.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                SystemTool.Run("kill", "-KILL", pid);
            }
        }

        SystemTool.Run("ip", "netns", "delete", space);
    }

    // Names of links have 15 characters at the most.
    private static string Named(string prefix) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{prefix}{Environment.ProcessId:x}.{Interlocked.Increment(ref _numbers)}"
        );

    private static bool IsLeftover(string name, string prefix) =>
        name.StartsWith(prefix, StringComparison.Ordinal)
        && name[prefix.Length..].Split('.') is [var owner, _]
        && int.TryParse(owner, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var pid)
        && !Directory.Exists($"/proc/{pid.ToString(CultureInfo.InvariantCulture)}");

    private static string FreeSubnet()
    {
        var taken = NetworkInterface
            .GetAllNetworkInterfaces()
            .SelectMany(static link => link.GetIPProperties().UnicastAddresses)
            .Select(static address => address.Address.ToString())
            .ToArray();
        return Enumerable
                .Range(Environment.ProcessId, 256)
                .Select(static number => string.Create(CultureInfo.InvariantCulture, $"10.213.{number % 256}"))
                .FirstOrDefault(subnet =>
                    !taken.Any(address => address.StartsWith($"{subnet}.", StringComparison.Ordinal))
                )
            ?? throw new InvalidOperationException("All networks of 10.213.0.0/16 are taken.");
    }
}
