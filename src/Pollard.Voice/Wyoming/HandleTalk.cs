using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Pollard.Voice.Links;

namespace Pollard.Voice.Wyoming;

/// <summary>
/// A connection of a <see cref="HandleServer"/>. It is read also while an answer is said, so that who leaves is noticed and the answer ends;
/// questions are answered one after the other.
/// </summary>
internal sealed partial class HandleTalk(
    LinkConnection connection,
    HandleSettings settings,
    Func<string, CancellationToken, IAsyncEnumerable<string>> answer,
    TimeProvider time,
    ILogger logger
) : IAsyncDisposable
{
    private const int MostWaiting = 4; // Questions of one client, of which each waits for its answer.
    private const int MostAnswerCharacters = 10_000; // Ten minutes of speech. All of it fits into an event, whatever characters they are.
    private const int MostContextCharacters = 4_096;
    private static readonly TimeSpan WriteWithin = TimeSpan.FromSeconds(10);

    private readonly Channel<WyomingEvent> _questions = Channel.CreateBounded<WyomingEvent>(MostWaiting);
    private readonly SemaphoreSlim _pen = new(1, 1);
    private long _activeAt = time.GetTimestamp();

    /// <summary>Its work, as long as it goes on.</summary>
    public Task Running { get; set; } = Task.CompletedTask;

    /// <summary>Hears and answers until the client leaves, says nothing for too long or what is no event, or <paramref name="ct"/> is set.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var answering = AnswerAllAsync(over.Token);
        try
        {
            await Task.WhenAny(HearAllAsync(over.Token), answering).Unwrap();
        }
        catch (Exception e) when (e is IOException or FrameException or OperationCanceledException)
        {
            LogLeft(logger, connection.Peer, e.Message);
        }

        await over.CancelAsync();
        await answering.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await connection.DisposeAsync();
        _pen.Dispose();
    }

    private async Task HearAllAsync(CancellationToken ct)
    {
        try
        {
            while (await HearAsync(ct) is { } said)
            {
                Volatile.Write(ref _activeAt, time.GetTimestamp());
                await TakeAsync(said, ct);
            }
        }
        catch (FrameException e)
        {
            await SayTextAsync("error", e.Message, ct);
            throw;
        }
    }

    private async Task TakeAsync(WyomingEvent said, CancellationToken ct)
    {
        switch (said.Type)
        {
            case "describe":
                await SayAsync("info", WriteInfo, ct);
                break;
            case "ping":
                await SayTextAsync("pong", said.Text("text"u8), ct);
                break;
            case "transcript" when !_questions.Writer.TryWrite(said): // Its pieces come before it, and say no more than it does.
                await SayTextAsync("not-handled", $"{MostWaiting} questions wait already", ct);
                break;
        }
    }

    /// <summary>The next event; null: the client has left, or it is idle for too long.</summary>
    private async Task<WyomingEvent?> HearAsync(CancellationToken ct)
    {
        while (true)
        {
            using var idle = new CancellationTokenSource(settings.IdleFor, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(idle.Token, ct);
            try
            {
                return await connection.ReadAsync<WyomingEvent>(WyomingEvent.TryRead, isBegun: false, either.Token);
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                if (time.GetElapsedTime(Volatile.Read(ref _activeAt)) >= settings.IdleFor)
                {
                    return null; // Also nothing was said to it.
                }
            }
        }
    }

    private async Task AnswerAllAsync(CancellationToken ct)
    {
        await foreach (var question in _questions.Reader.ReadAllAsync(ct))
        {
            var text = question.Text("text"u8)?.Trim() ?? "";
            var trouble = text.Length == 0 ? "nothing was said" : null;
            var said = new StringBuilder();
            if (trouble is null)
            {
                await SayAsync("handled-start", json => WriteContext(json, question), ct);
                trouble = await AnswerAsync(text, said, ct);
            }

            await SayAsync(trouble is null ? "handled" : "not-handled", WriteEnd, ct);
            if (text.Length > 0)
            {
                await SayAsync("handled-stop", data: null, ct);
            }

            void WriteEnd(Utf8JsonWriter json)
            {
                json.WriteString("text"u8, trouble ?? said.ToString());
                WriteContext(json, question);
            }
        }
    }

    /// <summary>Says the pieces of an answer. Null: all of it was said; otherwise, why not.</summary>
    private async Task<string?> AnswerAsync(string text, StringBuilder said, CancellationToken ct)
    {
        try
        {
            await foreach (var piece in answer(text, ct))
            {
                if (said.Length + piece.Length > MostAnswerCharacters)
                {
                    return $"the answer has more than {MostAnswerCharacters} characters";
                }

                said.Append(piece);
                await SayTextAsync("handled-chunk", piece, ct);
            }

            return said.Length == 0 ? "there is no answer" : null;
        }
        catch (Exception e) when (e is not (OperationCanceledException or IOException))
        {
            LogNoAnswer(logger, connection.Peer, e);
            return "the answer broke off";
        }
    }

    private Task SayTextAsync(string type, string? text, CancellationToken ct) =>
        SayAsync(type, text is null ? null : json => json.WriteString("text"u8, text), ct);

    private async Task SayAsync(string type, Action<Utf8JsonWriter>? data, CancellationToken ct)
    {
        var bytes = new ArrayBufferWriter<byte>();
        WyomingEvent.Write(bytes, type, data);
        using var late = new CancellationTokenSource(WriteWithin, time); // It reads nothing.
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
        await _pen.WaitAsync(either.Token);
        try
        {
            await connection.WriteAsync(bytes.WrittenMemory, either.Token);
            Volatile.Write(ref _activeAt, time.GetTimestamp());
        }
        finally
        {
            _pen.Release();
        }
    }

    /// <summary>What the client gave for the next question it gets back as it was.</summary>
    private static void WriteContext(Utf8JsonWriter json, in WyomingEvent question)
    {
        if (
            question.Data.ValueKind == JsonValueKind.Object
            && question.Data.TryGetProperty("context"u8, out var context)
            && context.ValueKind == JsonValueKind.Object
            && context.GetRawText().Length <= MostContextCharacters
        )
        {
            json.WritePropertyName("context"u8);
            context.WriteTo(json);
        }
    }

    private void WriteInfo(Utf8JsonWriter json)
    {
        foreach (var other in (string[])["asr", "tts", "intent", "wake", "mic", "snd"])
        {
            json.WriteStartArray(other);
            json.WriteEndArray();
        }

        json.WriteStartArray("handle"u8);
        json.WriteStartObject();
        WriteArtifact(json, settings.Name, "Answers with the models of a pool.");
        json.WriteBoolean("supports_handled_streaming"u8, true);
        json.WriteBoolean("supports_home_control"u8, false);
        json.WriteStartArray("models"u8);
        json.WriteStartObject();
        WriteArtifact(json, settings.Model, settings.Model);
        json.WriteStartArray("languages"u8);
        foreach (var language in settings.Languages)
        {
            json.WriteStringValue(language);
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private static void WriteArtifact(Utf8JsonWriter json, string name, string description)
    {
        json.WriteString("name"u8, name);
        json.WriteString("description"u8, description);
        json.WriteStartObject("attribution"u8); // Clients want one.
        json.WriteString("name"u8, "Pollard");
        json.WriteString("url"u8, "");
        json.WriteEndObject();
        json.WriteBoolean("installed"u8, true);
        json.WriteNull("version"u8);
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Peer} has left: {Reason}")]
    private static partial void LogLeft(ILogger logger, System.Net.IPEndPoint peer, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "No whole answer for {Peer}")]
    private static partial void LogNoAnswer(ILogger logger, System.Net.IPEndPoint peer, Exception exception);
}
