using System.Net;
using System.Net.Sockets;

namespace Pollard.Bench.Machine;

/// <summary>Free ports, so that no server left over from another run answers this one.</summary>
internal static class Ports
{
    /// <summary>One that was free just now.</summary>
    public static int Free()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>One that the system gives to no connection, so that it is still free when a service is started later.</summary>
    public static int OfService() => Random.Shared.Next(20_000, 30_000);

    /// <summary>Waits until somebody listens.</summary>
    public static Task UntilOpenAsync(int port) => UntilOpenAsync(new IPEndPoint(IPAddress.Loopback, port));

    /// <summary>Waits until somebody listens.</summary>
    public static async Task UntilOpenAsync(IPEndPoint place)
    {
        while (true)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(place);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(2));
            }
        }
    }

    /// <summary>Waits until somebody answers a request with 200.</summary>
    public static async Task UntilAnswersAsync(int port, string path)
    {
        await UntilOpenAsync(port);
        using var http = new HttpClient();
        using var answer = await http.GetAsync(new Uri($"http://127.0.0.1:{port}{path}"));
        answer.EnsureSuccessStatusCode();
    }
}
