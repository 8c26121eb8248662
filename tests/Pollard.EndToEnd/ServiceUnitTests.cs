using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>The service units of docs/operate are right in systemd's own eyes, and let a service do no more than it needs.</summary>
public sealed class ServiceUnitTests : IDisposable
{
    private const string Tool = "/usr/bin/systemd-analyze";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("pollard-units-");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("pollard.service")]
    [InlineData("pollard-agent.service")]
    public async Task Its_unit_is_right_and_hardened(string unit)
    {
        Assert.SkipUnless(File.Exists(Tool), "systemd is not installed.");
        var source = Sources.In($"docs/operate/{unit}");
        var file = Path.Combine(_folder.FullName, unit);
        var text = await File.ReadAllTextAsync(source, Token);
        await File.WriteAllTextAsync(
            file,
            text.Replace("/usr/local/bin/pollard", PollardProcess.Executable, StringComparison.Ordinal),
            Token
        );

        var verified = await RunAsync("verify", file);
        var security = await RunAsync("security", "--offline=true", "--threshold=20", file); // Of 100.

        Assert.Equal((0, ""), verified);
        Assert.True(security.ExitCode == 0, security.Said);
    }

    /// <summary>Without systemd itself, which has to be the first process of a machine: by the kernel's own means for two of its rules.</summary>
    [Theory]
    [InlineData("pollard.service")]
    [InlineData("pollard-agent.service")]
    public async Task The_published_file_works_under_the_units_rules_for_memory_and_system_calls(string unit)
    {
        Assert.SkipUnless(File.Exists(Tool), "systemd is not installed.");
        Assert.SkipUnless(
            Environment.OSVersion.Version >= new Version(6, 3),
            "The kernel is too old for the first rule."
        );
        var published = (await OtherProgram.RunAsync(Sources.Root, Sources.In("eng/publish"))).Trim().Split('\n')[^1];
        string[] confined =
        [
            "python3",
            Path.Combine(CommandAgent.Clients, "confined.py"),
            Sources.In($"docs/operate/{unit}"),
        ];
        var port = PollardProcess.FreePort();
        await using var pollard = PollardProcess.StartProgram([
            .. confined,
            published,
            "up", // A gateway with an agent in one process.
            "--urls",
            $"http://127.0.0.1:{port}",
            "--link-url",
            "none",
            "--data",
            Path.Combine(_folder.FullName, "data"),
        ]);
        await pollard.UntilSaysAsync("curl");

        using var http = new HttpClient(new SocketsHttpHandler());
        using var answer = await http.PostAsync(
            new Uri($"http://127.0.0.1:{port}/v1/chat/completions"),
            new StringContent(
                """{"model":"pollard-demo","messages":[{"role":"user","content":"hello"}]}""",
                Encoding.UTF8,
                "application/json"
            ),
            Token
        );

        Assert.True(answer.IsSuccessStatusCode, pollard.Output);
        Assert.Equal(0, await pollard.StopAsync());
        await using var other = PollardProcess.StartProgram([.. confined, "/usr/sbin/chroot", "/", "true"]);
        Assert.NotEqual(0, await other.UntilExitAsync()); // They do hold.
    }

    [Theory]
    [InlineData("serve", "answers at http://127.0.0.1:")]
    [InlineData("agent", "works for http://127.0.0.1:9")]
    public async Task A_service_manager_hears_when_it_is_ready_and_when_it_stops(string command, string status)
    {
        var path = Path.Combine(_folder.FullName, "notify");
        using Socket manager = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        manager.Bind(new UnixDomainSocketEndPoint(path));
        string[] arguments =
            command == "serve"
                ? ["serve", "--urls", "http://127.0.0.1:0", "--link-url", "none"]
                : ["agent", "--server", "http://me:secret@127.0.0.1:9", "--openai", "http://127.0.0.1:9"];
        await using var process = PollardProcess.Start(
            ["env", $"NOTIFY_SOCKET={path}"],
            [.. arguments, "--data", Path.Combine(_folder.FullName, "data")]
        );

        Assert.StartsWith($"READY=1\nSTATUS={status}", await HearAsync(manager), StringComparison.Ordinal);
        Assert.Equal(0, await process.StopAsync());
        Assert.Equal("STOPPING=1", await HearAsync(manager));
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static async Task<string> HearAsync(Socket manager)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Token);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        var said = new byte[1024];
        var length = await manager.ReceiveAsync(said, limit.Token);
        return Encoding.UTF8.GetString(said, 0, length);
    }

    private static async Task<(int ExitCode, string Said)> RunAsync(params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(Tool, arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            }
        )!;
        var output = process.StandardOutput.ReadToEndAsync(Token);
        var errors = await process.StandardError.ReadToEndAsync(Token);
        await process.WaitForExitAsync(Token);
        return (process.ExitCode, await output + errors);
    }
}
