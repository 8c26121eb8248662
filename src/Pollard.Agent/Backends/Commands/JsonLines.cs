using System.Text.Json;
using Pollard.Agent.Backends.Http;

namespace Pollard.Agent.Backends.Commands;

/// <summary>Reads commands that tell what they do in lines of JSON. What is no JSON object is passed over.</summary>
internal abstract class JsonLines(CommandBackendOptions options) : CommandReader
{
    /// <inheritdoc/>
    public sealed override async Task ReadAsync(Stream stream, RunOutput output, CancellationToken ct)
    {
        using LineReader lines = new(stream, options.LongestLineBytes, options.LongestAnswerBytes);
        for (var more = true; ; more = await output.AwaitAsync(lines.FillAsync(ct).AsTask(), ct))
        {
            while (lines.TryRead(out var line))
            {
                if (Parse(line) is { } document)
                {
                    using (document)
                    {
                        await LineAsync(document.RootElement, output, ct);
                    }
                }
            }

            if (!more)
            {
                return;
            }
        }
    }

    /// <summary>Takes one line.</summary>
    protected abstract ValueTask LineAsync(JsonElement line, RunOutput output, CancellationToken ct);

    /// <summary>Keeps the conversation's name and says it.</summary>
    protected async ValueTask KnowSessionAsync(string? session, RunOutput output, CancellationToken ct)
    {
        if (session is { Length: > 0 } && session != Session)
        {
            Session = session;
            SessionKnown(session);
            await output.PhaseAsync("session", session, ct);
        }
    }

    private static JsonDocument? Parse(ReadOnlyMemory<byte> line)
    {
        if (line.Length == 0 || line.Span[0] != (byte)'{')
        {
            return null;
        }

        try
        {
            return JsonDocument.Parse(line);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
