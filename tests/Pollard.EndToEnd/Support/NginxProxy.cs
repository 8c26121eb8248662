using System.Diagnostics;
using System.Net.Sockets;

namespace Pollard.EndToEnd.Support;

/// <summary>A real nginx between an agent and a gateway.</summary>
internal sealed class NginxProxy : IAsyncDisposable
{
    private const string Program = "/usr/sbin/nginx";
    private readonly DirectoryInfo _folder;
    private readonly Process _process;

    private NginxProxy(DirectoryInfo folder, Process process) => (_folder, _process) = (folder, process);

    /// <summary>Starts it.</summary>
    /// <param name="servers">Its servers, as its configuration has them.</param>
    /// <param name="address">Where the first of them listens.</param>
    /// <param name="port">The port of that.</param>
    public static async Task<NginxProxy> StartAsync(string servers, string address, int port)
    {
        var folder = Directory.CreateTempSubdirectory("pollard-nginx-");
        var file = Path.Combine(folder.FullName, "nginx.conf");
        await File.WriteAllTextAsync(
            file,
            $$"""
            daemon off;
            master_process off;
            pid {{folder.FullName}}/pid;
            error_log {{folder.FullName}}/error.log;
            events { worker_connections 256; }
            http {
              access_log off;
              client_body_temp_path {{folder.FullName}};
              proxy_temp_path {{folder.FullName}};
              fastcgi_temp_path {{folder.FullName}};
              uwsgi_temp_path {{folder.FullName}};
              scgi_temp_path {{folder.FullName}};
              {{servers}}
            }
            """,
            TestContext.Current.CancellationToken
        );
        NginxProxy proxy = new(folder, Process.Start(Program, ["-c", file, "-p", folder.FullName]));
        await proxy.UntilOpenAsync(address, port);
        return proxy;
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync(CancellationToken.None); // It was killed.
        _process.Dispose();
        _folder.Delete(recursive: true);
    }

    private async Task UntilOpenAsync(string address, int port)
    {
        while (true)
        {
            Assert.False(_process.HasExited, "nginx ended at once");
            try
            {
                using TcpClient client = new();
                await client.ConnectAsync(address, port, TestContext.Current.CancellationToken);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(
                    TimeSpan.FromMilliseconds(20),
                    TimeProvider.System,
                    TestContext.Current.CancellationToken
                );
            }
        }
    }
}
