using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Pollard.Bench.Machine;
using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>The network of machines that tests and benchmarks run on: it breaks as it should, and leaves nothing behind.</summary>
public sealed class MachineNetworkTests
{
    private static readonly string Bench = Path.GetFullPath(
        Path.Combine(AppContext.BaseDirectory, "../../Pollard.Bench/release/Pollard.Bench")
    );

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_sent_to_a_machine_without_its_network_comes_when_that_is_back()
    {
        using var network = MachineNetwork.TryCreate(machines: 1, out var why);
        Assert.SkipWhen(network is null, why);
        var machine = network.Machines[0];
        using var listener = new TcpListener(IPAddress.Parse(network.Address), 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        await using var caller = PollardProcess.StartProgram([
            .. machine.Wrapper,
            "bash",
            "-c",
            $"exec 3<>/dev/tcp/{network.Address}/{port}; read -r line <&3; echo heard $line; sleep 600",
        ]);
        using var called = await listener.AcceptTcpClientAsync(Token);

        machine.Unplug();
        await called.GetStream().WriteAsync("hello\n"u8.ToArray(), Token);
        var isOpen = !called.Client.Poll(TimeSpan.FromMilliseconds(500), SelectMode.SelectRead);
        var heardWithout = caller.Output;
        machine.Plug();
        await caller.UntilAsync(
            _ => Task.FromResult(caller.Output.Contains("heard hello", StringComparison.Ordinal)),
            "it hears what was sent"
        );

        Assert.True(isOpen, "The connection was ended.");
        Assert.Equal("", heardWithout);
    }

    [Fact]
    public async Task A_network_clears_away_what_a_killed_run_left_behind()
    {
        using var first = MachineNetwork.TryCreate(machines: 1, out var why);
        Assert.SkipWhen(first is null, why);
        using var dead = Process.Start("true");
        await dead.WaitForExitAsync(Token);
        var (space, wire) = ($"pollard-{dead.Id:x}.1", $"plw{dead.Id:x}.2");
        SystemTool.Must("ip", "netns", "add", space);
        SystemTool.Must("ip", "link", "add", wire, "type", "veth", "peer", "name", "eth0", "netns", space);
        await using var lost = PollardProcess.StartProgram(["ip", "netns", "exec", space, "sleep", "600"]);
        await lost.UntilAsync(
            _ => Task.FromResult(SystemTool.Run("ip", "netns", "pids", space).Output.Length > 0),
            "somebody holds the namespace"
        );

        using var second = MachineNetwork.TryCreate(machines: 1, out _);

        await lost.UntilExitAsync();
        var left = Everything();
        Assert.DoesNotContain(left, name => name == space || name == wire);
        Assert.Contains(first.Machines[0].Space, left);
    }

    [Fact]
    public async Task Ctrl_C_leaves_nothing_of_a_run_in_namespaces_behind()
    {
        using var network = MachineNetwork.TryCreate(machines: 1, out var why);
        Assert.SkipWhen(network is null, why);
        await using var run = PollardProcess.StartProgram([
            Bench,
            "chaos",
            "--namespaces",
            "--hosts",
            "1",
            "--seconds",
            "600",
            "--program",
            PollardProcess.Executable,
        ]);
        await run.UntilAsync(
            _ => Task.FromResult(Of(run).Where(IsSpace).Any(HasProcess)),
            "something runs in one of its namespaces"
        );

        var code = await run.StopAsync("INT");

        Assert.Equal(130, code);
        Assert.Empty(Of(run));
    }

    private static bool IsSpace(string name) => name.StartsWith("pollard-", StringComparison.Ordinal);

    private static bool HasProcess(string space) => SystemTool.Run("ip", "netns", "pids", space).Output.Length > 0;

    // All that is named after a process.
    private static IEnumerable<string> Of(PollardProcess process) =>
        Everything().Where(name => name.Contains($"{process.Id:x}.", StringComparison.Ordinal));

    private static List<string> Everything() =>
        [
            .. SystemTool.Must("ip", "netns", "list").Split('\n').Select(static line => line.Split(' ')[0]),
            .. Directory.GetDirectories("/sys/class/net").Select(static link => Path.GetFileName(link)),
        ];
}
