using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Pollard.Simulators;

/// <summary>What a request asks of a simulated model, whichever dialect it came in.</summary>
internal sealed record ReplyRequest
{
    public required string Model { get; init; }

    /// <summary>All that the model reads, as one text.</summary>
    public required string Prompt { get; init; }

    /// <summary>The last thing the user said; a tool named in it is called.</summary>
    public string LastUserText { get; init; } = "";

    /// <summary>An answer begun by the client, to be gone on with.</summary>
    public string Prefill { get; init; } = "";

    public long Seed { get; init; }

    public int? MaxTokens { get; init; }

    public IReadOnlyList<string> Stop { get; init; } = [];

    public bool Thinks { get; init; }

    /// <summary>True when the answer must be JSON.</summary>
    public bool Json { get; init; }

    /// <summary>The schema that the JSON must meet.</summary>
    public JsonElement? Schema { get; init; }

    /// <summary>The names and parameter schemas of the tools.</summary>
    public IReadOnlyList<(string Name, JsonElement Parameters)> Tools { get; init; } = [];

    /// <summary>True when a tool must be called, whatever the user said.</summary>
    public bool ToolRequired { get; init; }
}

/// <summary>What the simulated model answers, known before the first byte goes out.</summary>
internal sealed partial record Reply
{
    public required IReadOnlyList<string> Reasoning { get; init; }

    public required IReadOnlyList<string> Content { get; init; }

    /// <summary>The name and the arguments, a JSON object.</summary>
    public (string Name, string Arguments, string Id)? ToolCall { get; init; }

    public required string FinishReason { get; init; }

    public required int PromptTokens { get; init; }

    public int CompletionTokens =>
        Reasoning.Count + Content.Count + (ToolCall is { } call ? 1 + (call.Arguments.Length / 4) : 0);

    /// <summary>How many pieces go out, and so how long it takes.</summary>
    public int Pieces => Reasoning.Count + Content.Count + (ToolCall is null ? 0 : 1);

    public static Reply To(ReplyRequest request, SimulatorOptions options)
    {
        var seed = TextGenerator.Seed(request.Model, request.Prompt, options.Seed + request.Seed);
        var promptTokens = TextGenerator.Count(request.Prompt);
        var reasoning = request.Thinks ? TextGenerator.Reasoning(seed, Math.Max(1, options.Tokens / 4)) : [];
        if (ToolToCall(request) is { } tool)
        {
            var draw = new Draw(seed);
            return new()
            {
                Reasoning = reasoning,
                Content = [],
                ToolCall = (tool.Name, SchemaSample.Of(tool.Parameters, ref draw), $"call_{seed:x16}"),
                FinishReason = "tool_calls",
                PromptTokens = promptTokens,
            };
        }

        var content = ContentOf(request, options, seed, out var begun);
        var length = request.MaxTokens is { } limit && limit < content.Count;
        return new()
        {
            Reasoning = reasoning,
            Content = length ? content[..request.MaxTokens!.Value] : content,
            FinishReason = length ? "length" : "stop",
            PromptTokens = promptTokens + begun, // As a model does, which reads what was begun for it.
        };
    }

    private static List<string> ContentOf(ReplyRequest request, SimulatorOptions options, ulong seed, out int begun)
    {
        begun = 0;
        if (request.Json)
        {
            var draw = new Draw(seed);
            return TextGenerator.Cut(
                request.Schema is { } schema ? SchemaSample.Of(schema, ref draw) : SchemaSample.Free(ref draw)
            );
        }

        if (options.AnswerTo(request.LastUserText) is { } answer)
        {
            return Stopped(TextGenerator.Cut(answer), request.Stop);
        }

        // Gateways ask machines that they do not know to say words again, and a simulator can do that as well as a model.
        var pieces = WordsToRepeat.Match(request.LastUserText) is { Success: true } asked
            ? [TextGenerator.Opening, .. asked.Groups["words"].Value.Split(' ').Select(static word => " " + word)]
            : TextGenerator.Reply(seed, options.Tokens);
        var rest = options.IgnoresPrefill ? pieces : WithoutPrefill(pieces, request.Prefill);
        begun = pieces.Count - rest.Count;
        return Stopped(rest, request.Stop);
    }

    private static (string Name, JsonElement Parameters)? ToolToCall(ReplyRequest request)
    {
        foreach (var tool in request.Tools)
        {
            if (request.LastUserText.Contains(tool.Name, StringComparison.Ordinal))
            {
                return tool;
            }
        }

        return request is { ToolRequired: true, Tools.Count: > 0 } ? request.Tools[0] : null;
    }

    [GeneratedRegex(
        @"^(Repeat|Write|Say|Copy)\b[^:]* words\b[^:]*: (?<words>\w+( \w+)*)$",
        RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture
    )]
    private static partial Regex WordsToRepeat { get; }

    /// <summary>Goes on where the begun answer ends, if it is the beginning of this one; else starts anew.</summary>
    private static List<string> WithoutPrefill(List<string> pieces, string prefill)
    {
        var text = string.Concat(pieces);
        if (prefill.Length == 0 || !text.StartsWith(prefill, StringComparison.Ordinal))
        {
            return pieces;
        }

        var at = 0;
        List<string> rest = [];
        foreach (var piece in pieces)
        {
            var end = at + piece.Length;
            if (end > prefill.Length)
            {
                rest.Add(at >= prefill.Length ? piece : piece[(prefill.Length - at)..]);
            }

            at = end;
        }

        return rest;
    }

    private static List<string> Stopped(List<string> pieces, IReadOnlyList<string> stop)
    {
        if (stop.Count == 0)
        {
            return pieces;
        }

        StringBuilder text = new();
        foreach (var piece in pieces)
        {
            text.Append(piece);
        }

        var whole = text.ToString();
        var ends = stop.Where(s => s.Length > 0)
            .Select(s => whole.IndexOf(s, StringComparison.Ordinal))
            .Where(at => at >= 0)
            .DefaultIfEmpty(-1)
            .Min();
        return ends < 0 ? pieces : TextGenerator.Cut(whole[..ends]);
    }
}
