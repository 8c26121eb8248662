using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Pollard.Testing;

namespace Pollard.EndToEnd.Support;

/// <summary>A real reverse proxy with its very file of docs/operate, of which only ports, name and certificates are others.</summary>
internal sealed class ReverseProxy : IAsyncDisposable
{
    private static readonly string Operate = Path.GetFullPath(
        Path.Combine(AppContext.BaseDirectory, "../../../../docs/operate")
    );

    private readonly PrivateAuthority _authority = new();
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("pollard-proxy-");
    private readonly PollardProcess _process;

    private ReverseProxy(string program, GatewayProcess gateway)
    {
        WriteCertificates();
        var (file, command) = program switch
        {
            "nginx" => ("nginx.conf", (string[])["/usr/sbin/nginx", "-p", In(""), "-g", Global, "-c"]),
            "caddy" => (
                "Caddyfile",
                ["env", $"HOME={_folder.FullName}", "caddy", "run", "--adapter", "caddyfile", "--config"]
            ),
            _ => ("haproxy.cfg", ["/usr/sbin/haproxy", "-db", "-f"]),
        };
        var text = File.ReadAllText(Path.Combine(Operate, file))
            .Replace("/etc/ssl/pollard/", $"{_folder.FullName}/", StringComparison.Ordinal)
            .Replace("127.0.0.1:7655", $"127.0.0.1:{gateway.Port}", StringComparison.Ordinal)
            .Replace("127.0.0.1:7656", $"127.0.0.1:{gateway.LinkPort}", StringComparison.Ordinal)
            .Replace("gateway.example.com", "localhost", StringComparison.Ordinal);
        File.WriteAllText(In(file), OnPorts(text, Port, PollardProcess.FreePort()));
        _process = PollardProcess.StartProgram([.. command, In(file)]);
    }

    /// <summary>Where it takes TLS.</summary>
    public int Port { get; } = PollardProcess.FreePort();

    public string Url => $"https://localhost:{Port}";

    /// <summary>The file with whom to believe.</summary>
    public string AuthorityFile => In("authority.pem");

    /// <summary>What it has printed.</summary>
    public string Output => _process.Output;

    private string Global => $"daemon off; pid {In("pid")}; error_log {In("error.log")};";

    public static async Task<ReverseProxy> StartAsync(string program, GatewayProcess gateway)
    {
        ReverseProxy proxy = new(program, gateway);
        await proxy._process.UntilAsync(
            async ct =>
            {
                try
                {
                    using TcpClient client = new();
                    await client.ConnectAsync("127.0.0.1", proxy.Port, ct);
                    return true;
                }
                catch (SocketException)
                {
                    return false;
                }
            },
            $"{program} listens"
        );
        return proxy;
    }

    /// <summary>A client that believes it; its connections come from an address of its own on this machine.</summary>
    public HttpClient NewClient(string? key, string from = "127.0.0.1")
    {
        SocketsHttpHandler handler = new()
        {
            ConnectCallback = async (context, ct) =>
            {
                Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                socket.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Parse(from), 0));
                await socket.ConnectAsync("127.0.0.1", context.DnsEndPoint.Port, ct);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        handler.SslOptions.CertificateChainPolicy = Trust;
        HttpClient client = new(handler) { BaseAddress = new Uri(Url), Timeout = TimeSpan.FromMinutes(5) };
        if (key is not null)
        {
            client.DefaultRequestHeaders.Authorization = new("Bearer", key);
        }

        return client;
    }

    /// <summary>Believes its authority alone.</summary>
    public X509ChainPolicy Trust
    {
        get
        {
            X509ChainPolicy policy = new()
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
            };
            policy.CustomTrustStore.AddRange(_authority.Authorities);
            return policy;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        _authority.Dispose();
        _folder.Delete(recursive: true);
    }

    private static string OnPorts(string text, int tls, int plain) =>
        text.Replace("listen 443", $"listen {tls}", StringComparison.Ordinal)
            .Replace("listen 80;", $"listen {plain};", StringComparison.Ordinal)
            .Replace("https_port 443", $"https_port {tls}", StringComparison.Ordinal)
            .Replace("http_port 80", $"http_port {plain}", StringComparison.Ordinal)
            .Replace("bind :443", $"bind :{tls}", StringComparison.Ordinal)
            .Replace("bind :80", $"bind :{plain}", StringComparison.Ordinal);

    private string In(string file) => Path.Combine(_folder.FullName, file);

    private void WriteCertificates()
    {
        var chain = _authority.Server.ExportCertificatePem() + "\n";
        using var key = _authority.Server.GetECDsaPrivateKey()!;
        var secret = key.ExportPkcs8PrivateKeyPem() + "\n";
        File.WriteAllText(In("fullchain.pem"), chain);
        File.WriteAllText(In("key.pem"), secret);
        File.WriteAllText(In("fullchain-and-key.pem"), chain + secret);
        File.WriteAllText(AuthorityFile, _authority.Pem);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(_folder.FullName, (UnixFileMode)0b111_101_101); // The proxies drop root.
        }
    }
}
