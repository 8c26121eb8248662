using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Pollard.Voice.Audio;
using Pollard.Voice.Tests.Audio;

namespace Pollard.Voice.Tests.Legs;

/// <summary>A real phone: baresip, which plays a tone and keeps what it hears. It is told what to do on a connection.</summary>
internal sealed class BaresipPhone : IAsyncDisposable
{
    public const double Tone = 700;

    private readonly DirectoryInfo _home;
    private readonly Process _process;
    private readonly TcpClient _control = new();

    private BaresipPhone(DirectoryInfo home, Process process) => (_home, _process) = (home, process);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Starts one. Where it is not installed the test is skipped, and says so.</summary>
    /// <param name="account">What else its account says, as <c>;audio_codecs=PCMA/8000/1</c>.</param>
    /// <param name="said">What it says, at 8,000 samples a second; null: a tone.</param>
    public static async Task<BaresipPhone> StartAsync(string account, float[]? said = null)
    {
        var home = Directory.CreateTempSubdirectory("baresip-");
        var (sip, control) = (FreePorts(2), FreePorts(1)); // It listens one port higher too.
        await File.WriteAllTextAsync(
            Path.Combine(home.FullName, "config"),
            ConfigOf(home.FullName, sip, control),
            Token
        );
        var accounts = $"<sip:ada@127.0.0.1:{sip}>;regint=0{account}\n";
        await File.WriteAllTextAsync(Path.Combine(home.FullName, "accounts"), accounts, Token);
        await WriteAsync(Path.Combine(home.FullName, "said.wav"), said ?? Sound.Tone(0.2f, 60, G711.Rate, Tone));
        var start = new ProcessStartInfo("baresip", ["-4", "-f", home.FullName])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        var phone = new BaresipPhone(home, Start(start));
        phone._process.OutputDataReceived += static (_, _) => { };
        phone._process.ErrorDataReceived += static (_, _) => { };
        phone._process.BeginOutputReadLine();
        phone._process.BeginErrorReadLine();
        await phone.ConnectAsync(control);
        return phone;
    }

    /// <summary>Has it do something.</summary>
    public async Task TellAsync(string command, string parameters = "")
    {
        var json = JsonSerializer.Serialize(
            new
            {
                command,
                @params = parameters,
                token = "t",
            }
        );
        await _control.GetStream().WriteAsync(Encoding.UTF8.GetBytes($"{json.Length}:{json},"), Token);
        await UntilAsync(static told => told.TryGetProperty("response", out _));
    }

    /// <summary>Waits until it says that something has happened.</summary>
    public Task HappenedAsync(string type) =>
        UntilAsync(told => told.TryGetProperty("type", out var one) && one.GetString() == type);

    /// <summary>What it has heard, after the call.</summary>
    public async Task<float[]> HeardAsync()
    {
        var file = Assert.Single(_home.GetFiles("dump-*-dec.wav"));
        await using var stream = file.OpenRead();
        var reader = await WavReader.OpenAsync(stream, Token);
        return await reader.ReadAllAsync(TimeSpan.FromMinutes(2), Token);
    }

    public async ValueTask DisposeAsync()
    {
        _control.Dispose();
        _process.Kill();
        await _process.WaitForExitAsync(CancellationToken.None);
        _process.Dispose();
        _home.Delete(recursive: true);
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            Assert.Skip($"{start.FileName} is not installed: {e.Message}");
            throw;
        }
    }

    private static string ConfigOf(string home, int sip, int control) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"""
            sip_listen 127.0.0.1:{sip}
            net_interface 127.0.0.1
            audio_source aufile,{home}/said.wav
            audio_player aubridge,nobody
            audio_alert aubridge,nobody
            ausrc_srate 8000
            auplay_srate 8000
            ausrc_channels 1
            auplay_channels 1
            snd_path {home}
            module_path /usr/lib/baresip/modules
            module g711.so
            module aufile.so
            module aubridge.so
            module sndfile.so
            module_tmp uuid.so
            module_tmp account.so
            module_app menu.so
            module_app ctrl_tcp.so
            ctrl_tcp_listen 127.0.0.1:{control}

            """
        );

    private static async Task WriteAsync(string path, float[] said)
    {
        await using var file = File.Create(path);
        await using var writer = await WavWriter.CreateAsync(file, SampleEncoding.Pcm16, G711.Rate, Token);
        await writer.WriteAsync(said, Token);
    }

    // So many in a row that are free now.
    private static int FreePorts(int count)
    {
        while (true)
        {
            using var first = new TcpListener(IPAddress.Loopback, 0);
            first.Start();
            var port = ((IPEndPoint)first.LocalEndpoint).Port;
            try
            {
                for (var i = 1; i < count; i++)
                {
                    using var next = new TcpListener(IPAddress.Loopback, port + i);
                    next.Start();
                }

                return port;
            }
            catch (SocketException)
            {
                // Somebody has the next; look further.
            }
        }
    }

    private async Task ConnectAsync(int port)
    {
        for (var tries = 0; ; tries++)
        {
            try
            {
                await _control.ConnectAsync(IPAddress.Loopback, port, Token);
                return;
            }
            catch (SocketException) when (tries < 600) // Until it listens, up to a minute.
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, Token);
            }
        }
    }

    // It says each thing as its length, a colon, JSON and a comma.
    private async Task UntilAsync(Func<JsonElement, bool> isIt)
    {
        using var late = CancellationTokenSource.CreateLinkedTokenSource(Token);
        late.CancelAfter(TimeSpan.FromSeconds(60));
        var one = new byte[1];
        while (true)
        {
            var length = 0;
            while (true)
            {
                await ReadAsync(one);
                if (one[0] == ':')
                {
                    break;
                }

                length = length * 10 + one[0] - '0';
            }

            var told = new byte[length];
            await ReadAsync(told);
            await ReadAsync(one);
            if (isIt(JsonDocument.Parse(told).RootElement))
            {
                return;
            }
        }

        async Task ReadAsync(byte[] bytes) => await _control.GetStream().ReadExactlyAsync(bytes, late.Token);
    }
}
