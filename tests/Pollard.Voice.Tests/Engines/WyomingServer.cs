using System.Buffers;
using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Voice.Audio;
using Pollard.Voice.Engines;
using Pollard.Voice.Links;
using Pollard.Voice.Wyoming;

namespace Pollard.Voice.Tests.Engines;

/// <summary>An engine that speaks the Wyoming protocol, made anew from its description, with other engines or a test's own words behind it.</summary>
internal sealed class WyomingServer : IAsyncDisposable
{
    private readonly CancellationTokenSource _over = new();
    private readonly LinkListener _listener = new(
        new IPEndPoint(IPAddress.Loopback, 0),
        static _ => true,
        TimeProvider.System,
        NullLogger.Instance
    );
    private readonly Task _taking;

    public WyomingServer() => _taking = _listener.TakeAsync(ServeAsync, _over.Token);

    /// <summary>Answers a connection; what it returns without ends it.</summary>
    public Func<WyomingServer, LinkConnection, Task> Answer { get; set; } = static (_, _) => Task.CompletedTask;

    /// <summary>Ends when a connection was ended by its client in the middle of an answer.</summary>
    public TaskCompletionSource Left { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int Port => _listener.At.Port;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static async Task<WyomingEvent> ReadAsync(LinkConnection connection) =>
        await connection.ReadAsync<WyomingEvent>(WyomingEvent.TryRead, isBegun: false, Token)
        ?? throw new IOException("it has left");

    public static ValueTask WriteAsync(
        LinkConnection connection,
        string type,
        Action<Utf8JsonWriter>? data = null,
        byte[]? payload = null
    )
    {
        var bytes = new ArrayBufferWriter<byte>();
        WyomingEvent.Write(bytes, type, data, payload);
        return connection.WriteAsync(bytes.WrittenMemory, Token);
    }

    /// <summary>Says so many samples as a piece of sound.</summary>
    public static ValueTask WriteSoundAsync(LinkConnection connection, int rate, ReadOnlySpan<float> samples)
    {
        var bytes = new byte[samples.Length * sizeof(short)];
        Samples.Encode(SampleEncoding.Pcm16, samples, bytes);
        return WriteAsync(connection, "audio-chunk", json => WriteFormat(json, rate), bytes);
    }

    public static void WriteFormat(Utf8JsonWriter json, int rate)
    {
        json.WriteNumber("rate", rate);
        json.WriteNumber("width", 2);
        json.WriteNumber("channels", 1);
    }

    /// <summary>Reads an utterance to its end, and what was wished.</summary>
    public static async Task<(WyomingEvent Wish, float[] Utterance)> UtteranceAsync(LinkConnection connection)
    {
        var (wish, samples) = (default(WyomingEvent), new List<float>());
        while (await ReadAsync(connection) is { Type: not "audio-stop" } said)
        {
            if (said.Type == "transcribe")
            {
                wish = said;
            }
            else if (said.Type == "audio-chunk")
            {
                var piece = new float[said.Payload.Length / sizeof(short)];
                Samples.Decode(SampleEncoding.Pcm16, said.Payload.Span, piece);
                samples.AddRange(piece);
            }
        }

        return (wish, [.. samples]);
    }

    /// <summary>Says a sentence with another engine.</summary>
    public static async Task SayAsync(LinkConnection connection, ITextToSpeech engine, string sentence)
    {
        await engine.SayAsync(
            sentence,
            async (part, _) => await WriteSoundAsync(connection, part.Rate, part.Samples.Span),
            Token
        );
        await WriteAsync(connection, "audio-stop");
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        _listener.Dispose();
        await _taking;
        _over.Dispose();
    }

    private async Task<bool> ServeAsync(LinkConnection connection)
    {
        try
        {
            await Answer(this, connection);
        }
        catch (IOException)
        {
            Left.TrySetResult();
        }

        return false; // The connection is ended.
    }
}
