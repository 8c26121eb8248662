using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;

namespace Pollard.Gateway.Doors.Ollama;

/// <summary>An answer as Ollama streams it: a line of JSON a piece, the last one with what it took.</summary>
internal sealed class OllamaStream(Work work, GatewayOptions options, OllamaForm form, string model, TimeProvider time)
    : AnswerStream(work, options)
{
    private readonly byte[] _head =
    [
        .. "{\"model\":\""u8,
        .. JsonEncodedText.Encode(model).EncodedUtf8Bytes,
        .. "\",\"created_at\":\""u8,
    ];
    private long? _firstOutput;

    /// <inheritdoc/>
    protected override string ContentType => "application/x-ndjson";

    /// <inheritdoc/>
    protected override void WriteDelta(DeltaKind kind, ushort choice, ReadOnlySpan<byte> data, long unixMilliseconds)
    {
        // hot: once a token; guarded by the stream benchmark.
        if (choice > 0)
        {
            return;
        }

        _firstOutput ??= unixMilliseconds;
        switch (kind)
        {
            case DeltaKind.Content or DeltaKind.Refusal:
                WriteLine(unixMilliseconds, data, default);
                break;
            case DeltaKind.Reasoning:
                WriteLine(unixMilliseconds, default, data);
                break;
            case DeltaKind.LogProbabilities:
                WriteObject(
                    unixMilliseconds,
                    Fragments.TryParse(data.ToArray()) ?? default,
                    static (json, logprobs) => OllamaReply.WriteLogProbabilities(json, logprobs)
                );
                break;
            default:
                break; // Tool calls are told whole, at the end: Ollama has no fragments of them.
        }
    }

    /// <inheritdoc/>
    protected override void WriteKeepAlive() => WriteLine(time.GetUtcNow().ToUnixTimeMilliseconds(), default, default); // A piece without text is the only thing that clients pass over.

    /// <inheritdoc/>
    protected override void WriteEnd(TaskRow row, AnswerFacts facts)
    {
        if (!facts.Message.IsEmpty)
        {
            using var message = JsonDocument.Parse(facts.Message);
            if (message.RootElement.TryGetProperty("tool_calls"u8, out var calls))
            {
                WriteCalls(row, calls);
            }
        }

        var usage = facts.Usage.IsEmpty ? default : JsonElement.Parse(facts.Usage.Span);
        var timings = facts.Timings.IsEmpty ? default : JsonElement.Parse(facts.Timings.Span);
        var context = facts.Context.IsEmpty ? default : JsonElement.Parse(facts.Context.Span);
        JsonReply.Fill(
            Output,
            (Stream: this, row, usage, timings, context, Reason: facts.FinishReasons.FirstOrDefault()),
            static (json, it) =>
            {
                json.WriteStartObject();
                it.Stream.WriteStart(json, it.row.EndedAt ?? it.row.CreatedAt);
                OllamaReply.WriteEnd(json, it.Reason, it.row, it.usage, it.timings, it.Stream._firstOutput);
                OllamaReply.WriteContext(json, it.context);
                json.WriteEndObject();
            }
        );
        Output.Write("\n"u8);
    }

    /// <inheritdoc/>
    protected override void WriteError(DoorError error)
    {
        JsonReply.Fill(Output, error, OllamaDialect.WriteError);
        Output.Write("\n"u8);
    }

    private void WriteLine(long unixMilliseconds, ReadOnlySpan<byte> text, ReadOnlySpan<byte> thinking)
    {
        Output.Write(_head);
        WriteTime(unixMilliseconds);
        Output.Write(
            form == OllamaForm.Chat ? "\",\"message\":{\"role\":\"assistant\",\"content\":\""u8 : "\",\"response\":\""u8
        );
        JsonText.WriteEscaped(Output, text);
        if (!thinking.IsEmpty)
        {
            Output.Write("\",\"thinking\":\""u8);
            JsonText.WriteEscaped(Output, thinking);
        }

        Output.Write(form == OllamaForm.Chat ? "\"},\"done\":false}\n"u8 : "\",\"done\":false}\n"u8);
    }

    private void WriteTime(long unixMilliseconds)
    {
        var at = DateTimeOffset.FromUnixTimeMilliseconds(unixMilliseconds).UtcDateTime;
        var span = Output.GetSpan(32);
        at.TryFormat(span, out var written, "yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        Output.Advance(written);
    }

    private void WriteCalls(TaskRow row, JsonElement calls)
    {
        JsonReply.Fill(
            Output,
            (model, At: row.EndedAt ?? row.CreatedAt, calls),
            static (json, it) =>
            {
                json.WriteStartObject();
                OllamaReply.WriteHead(json, it.model, it.At);
                OllamaReply.WriteText(json, OllamaForm.Chat, default, default, it.calls);
                json.WriteBoolean("done"u8, false);
                json.WriteEndObject();
            }
        );
        Output.Write("\n"u8);
    }

    private void WriteObject(long unixMilliseconds, JsonElement value, Action<Utf8JsonWriter, JsonElement> write)
    {
        JsonReply.Fill(
            Output,
            (Stream: this, unixMilliseconds, value, write),
            static (json, it) =>
            {
                json.WriteStartObject();
                it.Stream.WriteStart(json, DateTimeOffset.FromUnixTimeMilliseconds(it.unixMilliseconds));
                it.write(json, it.value);
                json.WriteBoolean("done"u8, false);
                json.WriteEndObject();
            }
        );
        Output.Write("\n"u8);
    }

    private void WriteStart(Utf8JsonWriter json, DateTimeOffset at)
    {
        OllamaReply.WriteHead(json, model, at);
        OllamaReply.WriteText(json, form, default, default);
    }
}
