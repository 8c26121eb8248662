using System.Buffers;
using System.Net.Sockets;
using System.Text.Json;
using Pollard.Voice.Audio;
using Pollard.Voice.Links;
using Pollard.Voice.Wyoming;

namespace Pollard.Voice.Engines.Wyoming;

/// <summary>A connection with an engine that speaks the Wyoming protocol, for one utterance or sentence.</summary>
internal sealed class WyomingTalk : IAsyncDisposable
{
    private const int MostSaidCharacters = 300;
    private const int MostRate = 192_000;
    private readonly LinkConnection _connection;

    private WyomingTalk(LinkConnection connection) => _connection = connection;

    /// <summary>Connects.</summary>
    /// <exception cref="SocketException">Nobody answers.</exception>
    public static async Task<WyomingTalk> OpenAsync(WyomingSettings settings, TimeProvider time, CancellationToken ct)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(settings.Host, settings.Port, ct);
            return new WyomingTalk(new LinkConnection(socket, time));
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Says something.</summary>
    public ValueTask SayAsync(
        string type,
        Action<Utf8JsonWriter>? data,
        ReadOnlyMemory<byte> payload,
        CancellationToken ct
    )
    {
        var bytes = new ArrayBufferWriter<byte>();
        WyomingEvent.Write(bytes, type, data, payload.Span);
        return _connection.WriteAsync(bytes.WrittenMemory, ct);
    }

    /// <summary>Hears the next of these; what else is said is passed over. Null: the engine has ended the connection.</summary>
    /// <exception cref="WyomingErrorException">It says that something is wrong.</exception>
    /// <exception cref="FrameException">It does not speak this protocol.</exception>
    public async Task<WyomingEvent?> HearAsync(Func<string, bool> isWanted, CancellationToken ct)
    {
        while (await _connection.ReadAsync<WyomingEvent>(WyomingEvent.TryRead, isBegun: false, ct) is { } said)
        {
            if (said.Type == "error")
            {
                var text = said.Text("text"u8) ?? "something is wrong";
                throw new WyomingErrorException(text.Length <= MostSaidCharacters ? text : text[..MostSaidCharacters]);
            }

            if (isWanted(said.Type))
            {
                return said;
            }
        }

        return null;
    }

    /// <summary>How the samples of an event are written, and how many there are a second.</summary>
    /// <exception cref="FrameException">In a way that is not known here.</exception>
    public static (SampleEncoding Encoding, int Rate) FormatOf(in WyomingEvent sound)
    {
        SampleEncoding? encoding = sound.Number("width"u8) switch
        {
            2 => SampleEncoding.Pcm16,
            3 => SampleEncoding.Pcm24,
            4 => SampleEncoding.Pcm32,
            _ => null,
        };
        return
            encoding is { } known
            && sound.Number("channels"u8) == 1
            && sound.Number("rate"u8) is > 0 and <= MostRate and var rate
            ? (known, (int)rate)
            : throw new FrameException("sound that is not one channel of 16, 24 or 32 bits a sample");
    }

    /// <summary>True for what a talk with such an engine fails by; what the caller wanted is not among it.</summary>
    public static bool IsFailure(Exception e, CancellationToken caller) =>
        e is WyomingErrorException or FrameException or IOException or SocketException
        || (e is OperationCanceledException && !caller.IsCancellationRequested);

    /// <summary>What the failure is.</summary>
    public static EngineFailure FailureOf(Exception e, EngineWait wait) =>
        e switch
        {
            OperationCanceledException => wait.Failure(),
            WyomingErrorException => new EngineFailure(EngineFault.Refused, $"answered: {e.Message}"),
            FrameException => new EngineFailure(EngineFault.Garbled, $"sent {e.Message}"),
            SocketException => new EngineFailure(EngineFault.Unreachable, $"cannot be reached: {e.Message}"),
            _ => new EngineFailure(EngineFault.Broken, $"broke off: {e.GetBaseException().Message}"),
        };

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _connection.DisposeAsync();
}

/// <summary>An engine says that something is wrong.</summary>
internal sealed class WyomingErrorException(string message) : Exception(message);
