using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Pollard.Testing;

/// <summary>An HTTP proxy as people have it on their way out: tunnels by CONNECT, and passes on requests with whole addresses.</summary>
public sealed class ForwardProxy : IAsyncDisposable
{
    private const int LongestHead = 16 * 1024;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentQueue<string> _requests = new();
    private readonly ConcurrentBag<Task> _connections = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;

    /// <summary>Begins to listen.</summary>
    public ForwardProxy()
    {
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>Its address.</summary>
    public Uri Url => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    /// <summary>The <c>user:password</c> that it asks for. Absent: it asks for none.</summary>
    public string? User { get; init; }

    /// <summary>The first lines of what it let through.</summary>
    public IReadOnlyList<string> Requests => [.. _requests];

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        await Task.WhenAll(_connections);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _connections.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                var near = client.GetStream();
                while (await HeadAsync(near) is { } head)
                {
                    if (User is not null && !head.Contains(Secret, StringComparison.Ordinal))
                    {
                        await SayAsync(
                            near,
                            "407 Who is it\r\nProxy-Authenticate: Basic realm=\"p\"\r\nContent-Length: 0"
                        );
                        continue;
                    }

                    await PassAsync(near, head);
                    return;
                }
            }
            catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
            {
                // One of the ends has gone.
            }
        }
    }

    private string Secret => $"Basic {Convert.ToBase64String(Encoding.ASCII.GetBytes(User!))}";

    private async Task PassAsync(NetworkStream near, string head)
    {
        var line = head[..head.IndexOf('\r', StringComparison.Ordinal)];
        _requests.Enqueue(line);
        var isTunnel = line.StartsWith("CONNECT ", StringComparison.Ordinal);
        var target = line.Split(' ')[1];
        var to = isTunnel ? new Uri($"http://{target}") : new Uri(target);
        using var server = new TcpClient();
        await server.ConnectAsync(to.Host, to.Port, _stop.Token);
        var far = server.GetStream();
        if (isTunnel)
        {
            await SayAsync(near, "200 Go on");
        }
        else
        {
            await far.WriteAsync(Encoding.Latin1.GetBytes(head), _stop.Token); // Servers take whole addresses too.
        }

        await Task.WhenAny(near.CopyToAsync(far, _stop.Token), far.CopyToAsync(near, _stop.Token));
    }

    private async Task SayAsync(NetworkStream near, string answer) =>
        await near.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {answer}\r\n\r\n"), _stop.Token);

    /// <summary>The head of a request; null: there is none any more.</summary>
    private async Task<string?> HeadAsync(NetworkStream near)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (head.Length < LongestHead && await near.ReadAsync(one, _stop.Token) == 1)
        {
            head.Append((char)one[0]);
            if (one[0] == '\n' && head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
            {
                return head.ToString();
            }
        }

        return null;
    }
}
