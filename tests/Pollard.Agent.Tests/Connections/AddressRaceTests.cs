using System.Net;
using System.Net.Sockets;
using Pollard.Agent.Connections;

namespace Pollard.Agent.Tests.Connections;

public sealed class AddressRaceTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AnAddressThatDoesNotAnswerGivesTheNextItsTurn()
    {
        if (!OperatingSystem.IsLinux())
        {
            return; // Elsewhere 127.0.0.2 is not this machine, and a full queue is answered.
        }

        using var silent = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        silent.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.2"), 0));
        silent.Listen(0);
        var port = ((IPEndPoint)silent.LocalEndPoint!).Port;
        List<Socket> queue = [];
        for (var i = 0; i < 3; i++) // Nobody accepts them: the queue is full, and no more is answered.
        {
            queue.Add(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false });
            _ = queue[i]
                .ConnectAsync(silent.LocalEndPoint!, Token)
                .AsTask()
                .ContinueWith(
                    static ended => ended.Exception,
                    Token,
                    TaskContinuationOptions.None,
                    TaskScheduler.Default
                );
        }

        using var listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start();
        using var late = CancellationTokenSource.CreateLinkedTokenSource(Token);
        late.CancelAfter(TimeSpan.FromSeconds(60)); // Linux gives a connection up after two minutes.

        await using var stream = await AddressRace.ConnectAsync(
            [IPAddress.Parse("127.0.0.2"), IPAddress.Loopback],
            port,
            TimeProvider.System,
            late.Token
        );

        using var accepted = await listener.AcceptTcpClientAsync(late.Token);
        await stream.WriteAsync("x"u8.ToArray(), Token);
        Assert.Equal('x', accepted.GetStream().ReadByte());
        queue.ForEach(static socket => socket.Dispose());
    }

    [Fact]
    public async Task AnAddressThatRefusesGivesTheNextItsTurn()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;

        await using var stream = await AddressRace.ConnectAsync(
            [IPAddress.IPv6Loopback, IPAddress.Loopback],
            port,
            TimeProvider.System,
            Token
        );

        Assert.True(listener.Pending());
    }

    [Fact]
    public async Task WhereNoneAnswersTheReasonIsToldAsEver()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();

        var refused = await Assert.ThrowsAsync<SocketException>(() =>
            AddressRace.ConnectAsync([IPAddress.Loopback], port, TimeProvider.System, Token)
        );
        var unknown = await Assert.ThrowsAsync<SocketException>(() =>
            AddressRace.ConnectAsync([], port, TimeProvider.System, Token)
        );

        Assert.Equal(SocketError.ConnectionRefused, refused.SocketErrorCode);
        Assert.Equal(SocketError.HostNotFound, unknown.SocketErrorCode);
    }

    [Fact]
    public void FamiliesTakeTurns()
    {
        string[] found = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1", "192.0.2.2"];

        var ordered = AddressRace.Ordered(found.Select(IPAddress.Parse)).Select(address => address.ToString());

        Assert.Equal(["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "2001:db8::3"], ordered);
    }
}
