using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Pollard.Bench.Machine;

namespace Pollard.EndToEnd.Support;

/// <summary>
/// A machine of its own for commands of a document that start servers or speak to other machines: the usual ports are free there, the
/// addresses 10.0.0.2 to 10.0.0.5 and the names in the hosts file are itself, and the folder looks like the sources. Needs root.
/// </summary>
internal sealed partial class DocumentStage : IDisposable
{
    private const string Names = "gateway gateway.example.com andy.example.com server.example.com";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private readonly MachineNetwork _network;
    private readonly WorkFolder _folder = new();

    private DocumentStage(MachineNetwork network) => _network = network;

    private NetworkMachine Machine => _network.Machines[0];

    private string HostsFolder => $"/etc/netns/{Machine.Space}";

    /// <summary>Makes one.</summary>
    /// <returns>Null where this is not allowed.</returns>
    public static DocumentStage? TryCreate(out string why)
    {
        if (MachineNetwork.TryCreate(machines: 1, out why) is not { } network)
        {
            return null;
        }

        DocumentStage stage = new(network);
        Directory.CreateDirectory(stage.HostsFolder); // What lies there is seen by who runs on the machine.
        File.WriteAllText(Path.Combine(stage.HostsFolder, "hosts"), $"127.0.0.1 localhost {Names}\n");
        foreach (var last in Enumerable.Range(2, 4))
        {
            var address = string.Create(CultureInfo.InvariantCulture, $"10.0.0.{last}/8");
            SystemTool.Must("ip", "-n", stage.Machine.Space, "addr", "add", address, "dev", "lo");
        }

        return stage;
    }

    /// <summary>
    /// Runs the lines in one shell, where <c>pk_...</c> is the admin key that a server printed last and <c>jt_...</c> the token that was made
    /// last. What is a server goes on beside those that follow, and must be there at the end; everything else must end
    /// well.
    /// </summary>
    public async Task RunAsync(string where, IEnumerable<string> lines)
    {
        var script = new StringBuilder(Beginning);
        foreach (var line in lines)
        {
            var command = line.Replace("jt_...", "$(cat token.txt)", StringComparison.Ordinal)
                .Replace("pk_...", "$(cat key.txt)", StringComparison.Ordinal)
                .Replace("curl ", "curl -sS --fail-with-body ", StringComparison.Ordinal);
            command = MakesToken.Replace(command, "$0 | tee token.txt");
            var quoted = command.TrimEnd('&').Trim().Replace("'", "'\\''", StringComparison.Ordinal);
            script.AppendLine(Server.IsMatch(command) ? $"begin '{quoted}'" : $"echo '$ {quoted}'; {command}");
        }

        script.AppendLine("end");
        var (code, said) = await RunScriptAsync(script.ToString());
        Assert.True(code == 0, $"{where} ended with {code}:\n{said}");
    }

    public void Dispose()
    {
        _network.Dispose(); // With all that runs there.
        Directory.Delete(HostsFolder, recursive: true);
        _folder.Dispose();
    }

    private async Task<(int Code, string Said)> RunScriptAsync(string script)
    {
        var ct = TestContext.Current.CancellationToken;
        string[] command = [.. Machine.Wrapper, "bash", "-c", script];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = _folder.Path,
            RedirectStandardOutput = true,
            RedirectStandardInput = true,
            UseShellExecute = false,
        };
        start.Environment["HOME"] = _folder.Path;
        start.Environment["PATH"] =
            $"{_folder.Path}/bin:{_folder.Path}:{_folder.Path}/node_modules/.bin:/usr/sbin:{Environment.GetEnvironmentVariable("PATH")}";
        start.Environment["NO_COLOR"] = "1";
        start.Environment["SSL_CERT_FILE"] = Path.Combine(_folder.Path, "authority.pem"); // Of a proxy that a document starts.
        using var shell = Process.Start(start)!;
        shell.StandardInput.Close();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(Patience);
        var said = shell.StandardOutput.ReadToEndAsync(limit.Token);
        await shell.WaitForExitAsync(limit.Token);
        return (shell.ExitCode, await said);
    }

    // A server writes into a file of its own: a pipe that it holds would never end.
    private const string Beginning = """
        set -eu -o pipefail
        exec 2>&1
        mkdir -p bin
        names=() pids=()
        begin() {
          echo "$ $1 &"
          names+=("$1")
          bash -ceu "$1" >"server-${#names[@]}.log" 2>&1 </dev/null &
          pids+=($!)
          local waited
          for waited in $(seq 30); do # Until it says something, three seconds at the most.
            [[ -s "server-${#names[@]}.log" ]] && break
            sleep 0.1
          done
          sleep 0.4
          sed -n 's/^Admin key: //p' "server-${#names[@]}.log" >admin.txt # For who is told to take it from there.
          [[ -s admin.txt ]] && mv admin.txt key.txt
          look $((${#names[@]} - 1))
        }
        look() {
          if ! kill -0 "${pids[$1]}" 2>/dev/null || grep -a "^pollard: " "server-$(($1 + 1)).log"; then
            echo "It is no more: ${names[$1]}"
            cat "server-$(($1 + 1)).log"
            exit 1
          fi
        }
        end() {
          local i
          for i in "${!pids[@]}"; do look "$i"; done
        }

        """;

    [GeneratedRegex(@"^\./pollard token create[^>]*$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex MakesToken { get; }

    [GeneratedRegex(
        @"&$|^(\w+=\S+ )*(\./)?pollard (up|serve|simulate|agent -|voice (all|stt|llm|tts|phone))",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Server { get; }
}
