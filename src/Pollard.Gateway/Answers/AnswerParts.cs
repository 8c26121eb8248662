using System.Text.Json;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using Pollard.Tasks.Events;

namespace Pollard.Gateway.Answers;

/// <summary>What chat and completion answers have in common.</summary>
internal static class AnswerParts
{
    /// <summary>Answers to one request at the most; output for others is dropped.</summary>
    public const int MostChoices = 128;

    /// <summary>How many answers there are.</summary>
    public static int CountChoices(IReadOnlyList<TaskEvent> output, Messages.Finish finish)
    {
        var count = Math.Max(1, finish.FinishReasons?.Count ?? 0);
        for (var i = 0; i < output.Count; i++)
        {
            count = Math.Max(count, output[i].Choice + 1);
        }

        return Math.Min(count, MostChoices);
    }

    /// <summary>True when there is output of this kind.</summary>
    public static bool Has(IReadOnlyList<TaskEvent> output, DeltaKind kind, int choice)
    {
        for (var i = 0; i < output.Count; i++)
        {
            if (output[i].Kind == kind && output[i].Choice == choice)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Writes the text of all pieces of a kind as one string, however they were cut.</summary>
    public static void WriteText(Utf8JsonWriter json, IReadOnlyList<TaskEvent> output, DeltaKind kind, int choice)
    {
        for (var i = 0; i < output.Count; i++)
        {
            if (output[i].Kind == kind && output[i].Choice == choice)
            {
                json.WriteStringValueSegment(output[i].Data.Span, isFinalSegment: false);
            }
        }

        json.WriteStringValueSegment(ReadOnlySpan<byte>.Empty, isFinalSegment: true);
    }

    /// <summary>Writes a member with such text where there is any.</summary>
    public static void WriteTextIfAny(
        Utf8JsonWriter json,
        ReadOnlySpan<byte> name,
        IReadOnlyList<TaskEvent> output,
        DeltaKind kind,
        int choice
    )
    {
        if (Has(output, kind, choice))
        {
            json.WritePropertyName(name);
            WriteText(json, output, kind, choice);
        }
    }

    /// <summary>Writes the members before <c>choices</c>.</summary>
    public static void WriteHead(
        Utf8JsonWriter json,
        TaskRow row,
        string id,
        ReadOnlySpan<byte> shape,
        Messages.Finish finish
    )
    {
        json.WriteString("id"u8, id);
        json.WriteString("object"u8, shape);
        json.WriteNumber("created"u8, row.CreatedAt.ToUnixTimeSeconds());
        json.WriteString("model"u8, finish.Model ?? row.Model);
    }

    /// <summary>Writes the members after <c>choices</c>: usage, the backend's own, and its timings under <c>ollama</c>.</summary>
    public static void WriteTail(Utf8JsonWriter json, Messages.Finish finish)
    {
        if (finish.Usage is { ValueKind: JsonValueKind.Object } usage)
        {
            json.WritePropertyName("usage"u8);
            usage.WriteTo(json);
        }

        if (finish.Extra is { ValueKind: JsonValueKind.Object } extra)
        {
            foreach (var member in extra.EnumerateObject())
            {
                if (member.Name is not ("id" or "object" or "created" or "model" or "choices" or "usage" or "ollama"))
                {
                    member.WriteTo(json);
                }
            }
        }

        if (finish.Timings is { } timings)
        {
            json.WriteStartObject("ollama"u8);
            WriteIfAny(json, "total_duration"u8, timings.Total);
            WriteIfAny(json, "load_duration"u8, timings.Load);
            WriteIfAny(json, "prompt_eval_duration"u8, timings.PromptEval);
            WriteIfAny(json, "eval_duration"u8, timings.Eval);
            json.WriteEndObject();
        }
    }

    private static void WriteIfAny(Utf8JsonWriter json, ReadOnlySpan<byte> name, long? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, number);
        }
    }
}
