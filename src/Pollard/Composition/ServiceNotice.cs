using System.Net.Sockets;
using System.Text;

namespace Pollard.Composition;

/// <summary>
/// Tells systemd that a service of <c>Type=notify</c> is ready, what it does, and at the end that it stops: who is started after it finds
/// it there. Without such a service manager nothing is said. The messages are those of sd_notify(3).
/// </summary>
internal sealed class ServiceNotice
{
    private readonly string _socket;

    private ServiceNotice(string socket) => _socket = socket;

    /// <summary>It can be called, or works, until it is asked to stop.</summary>
    /// <param name="environment">Where the service manager says how it is told.</param>
    /// <param name="status">What it does, in a few words without line breaks.</param>
    /// <param name="stopping">Set when it begins to stop; what runs is finished then.</param>
    public static void Ready(Func<string, string?> environment, string status, CancellationToken stopping)
    {
        if (environment("NOTIFY_SOCKET") is not { Length: > 1 } socket || OperatingSystem.IsWindows())
        {
            return;
        }

        ServiceNotice manager = new(socket[0] == '@' ? "\0" + socket[1..] : socket); // No file, but a name in the kernel.
        manager.Say($"READY=1\nSTATUS={status}");
        stopping.UnsafeRegister(static manager => ((ServiceNotice)manager!).Say("STOPPING=1"), manager);
    }

    private void Say(string message)
    {
        try
        {
            using Socket socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            socket.SendTo(Encoding.UTF8.GetBytes(message), new UnixDomainSocketEndPoint(_socket));
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            // Nobody hears it, or it is no address; the work goes on.
        }
    }
}
