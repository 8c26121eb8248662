using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Pollard.Voice.Tests.Links.Existing;

/// <summary>The other end of registrations, by a bare socket.</summary>
internal sealed class RawDatagrams : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);

    public RawDatagrams(int port = 0) => _socket.Bind(new IPEndPoint(IPAddress.Loopback, port));

    public IPEndPoint At => (IPEndPoint)_socket.LocalEndPoint!;

    /// <summary>Bytes that came and were not heard yet.</summary>
    public int Pending => _socket.Available;

    public void Send(int port, string text) =>
        _socket.SendTo(Encoding.ASCII.GetBytes(text), new IPEndPoint(IPAddress.Loopback, port));

    public async Task<string> HearAsync()
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        var bytes = new byte[255]; // As much as existing services take.
        return Encoding.ASCII.GetString(bytes, 0, await _socket.ReceiveAsync(bytes, limit.Token));
    }

    /// <summary>Hears until it is this; what comes before may be there more than once.</summary>
    public async Task UntilAsync(string text)
    {
        while (await HearAsync() != text)
        {
            // From before.
        }
    }

    public void Dispose() => _socket.Dispose();
}
