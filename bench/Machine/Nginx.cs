namespace Pollard.Bench.Machine;

/// <summary>nginx as a proxy for streams, with one worker, in a folder of its own.</summary>
internal sealed class Nginx : IAsyncDisposable
{
    private readonly BenchFolder _folder;

    private Nginx(BenchFolder folder, ChildProcess process, int port) =>
        (_folder, Process, Port) = (folder, process, port);

    /// <summary>The program; null when it is not installed.</summary>
    public static string? Program { get; } =
        ((string[])["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"]).FirstOrDefault(File.Exists);

    /// <summary>Master and worker in one process.</summary>
    public ChildProcess Process { get; }

    /// <summary>Where it serves.</summary>
    public int Port { get; }

    /// <summary>Starts it in front of a port.</summary>
    public static async Task<Nginx> StartAsync(int to)
    {
        var folder = new BenchFolder(null);
        var port = Ports.Free();
        var file = Path.Combine(folder.Path, "nginx.conf");
        await File.WriteAllTextAsync(
            file,
            $$"""
            daemon off;
            master_process off;
            pid {{folder.Path}}/pid;
            error_log stderr;
            events { worker_connections 4096; }
            http {
              access_log off;
              client_body_temp_path {{folder.Path}};
              proxy_temp_path {{folder.Path}};
              fastcgi_temp_path {{folder.Path}};
              uwsgi_temp_path {{folder.Path}};
              scgi_temp_path {{folder.Path}};
              keepalive_requests 10000000;
              upstream model { server 127.0.0.1:{{to}}; keepalive 256; keepalive_requests 10000000; }
              server {
                listen 127.0.0.1:{{port}};
                location / {
                  proxy_pass http://model;
                  proxy_http_version 1.1;
                  proxy_set_header Connection "";
                  proxy_buffering off;
                }
              }
            }
            """
        );
        var process = ChildProcess.Start("nginx", Program!, ["-c", file, "-p", folder.Path]);
        await Ports.UntilOpenAsync(port);
        return new Nginx(folder, process, port);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        _folder.Dispose();
    }
}
