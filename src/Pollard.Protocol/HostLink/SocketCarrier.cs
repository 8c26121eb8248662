using System.IO.Pipelines;
using System.Net.WebSockets;
using System.Text;

namespace Pollard.Protocol.HostLink;

/// <summary>
/// What both ends of carrier B know: a WebSocket whose binary messages are pieces of one stream of frames. A frame may span
/// messages and a message holds as many frames as were there to be sent, so that nothing is said about frames by messages.
/// </summary>
internal static class SocketCarrier
{
    /// <summary>Where a host opens it: a <c>GET</c> that asks for a WebSocket, signed over the hello that is its first frame.</summary>
    public const string Path = "/host/v1/ws";

    /// <summary>Closes a link whose host is not let in; the description is <see cref="Refusal"/>.</summary>
    public const WebSocketCloseStatus RefusedStatus = WebSocketCloseStatus.PolicyViolation;

    private const int MostDescriptionBytes = 123; // A control frame holds 125, two of them the status.
    private const int ReadBytes = 16 * 1024;

    /// <summary>The two directions of a socket, which stays its owner's to close.</summary>
    public static DuplexPipe Open(WebSocket socket)
    {
        var stream = new SocketStream(socket);
        return new DuplexPipe(
            PipeReader.Create(
                stream,
                new StreamPipeReaderOptions(bufferSize: ReadBytes, useZeroByteReads: true, leaveOpen: true)
            ),
            PipeWriter.Create(stream, new StreamPipeWriterOptions(minimumBufferSize: ReadBytes, leaveOpen: true))
        );
    }

    /// <summary>Why a host is not let in: the stable word, a colon, and the same for people as far as it fits.</summary>
    public static string Refusal(string code, string message)
    {
        var bytes = Encoding.UTF8.GetBytes($"{code}: {message}");
        var length = Math.Min(bytes.Length, MostDescriptionBytes);
        while (length < bytes.Length && (bytes[length] & 0xC0) == 0x80)
        {
            length--; // Not in the middle of a character.
        }

        return Encoding.UTF8.GetString(bytes, 0, length);
    }

    /// <summary>Takes <see cref="Refusal"/> apart.</summary>
    public static (string Code, string Message) ReadRefusal(string? description)
    {
        var parts = (description ?? "").Split(": ", 2);
        return parts.Length == 2 ? (parts[0], parts[1]) : ("refused", description ?? "no reason is given");
    }
}
