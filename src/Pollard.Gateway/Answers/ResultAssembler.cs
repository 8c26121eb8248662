using System.Buffers;
using System.Text.Json;
using Pollard.Gateway.Http;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using Pollard.Tasks.Events;

namespace Pollard.Gateway.Answers;

/// <summary>Makes results of output: a chat becomes an OpenAI chat completion, a completion a text completion, a call of a tool its answer, and anything else is what its pieces say.</summary>
public sealed class ResultAssembler : IResultAssembler
{
    /// <inheritdoc/>
    public bool HasBodyApart(string kind) => kind == HttpCall.Kind;

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Assemble(
        TaskRow row,
        string publicId,
        IReadOnlyList<TaskEvent> output,
        Messages.Finish finish,
        BodyFacts? body
    )
    {
        if (row.Kind == HttpCall.Kind)
        {
            return ToolAnswer.Write(output, body);
        }

        var result = new ArrayBufferWriter<byte>(InitialBytes(output));
        if (row.Kind is not (Kinds.Chat or Kinds.Completion))
        {
            BodyAnswer.Write(result, output);
            return result.WrittenMemory;
        }

        using var json = new Utf8JsonWriter(result, JsonReply.WriterOptions);
        if (row.Kind == Kinds.Chat)
        {
            ChatAnswer.Write(json, row, publicId, output, finish);
        }
        else
        {
            CompletionAnswer.Write(json, row, publicId, output, finish);
        }

        json.Flush();
        return result.WrittenMemory;
    }

    private static int InitialBytes(IReadOnlyList<TaskEvent> output)
    {
        var bytes = 512;
        for (var i = 0; i < output.Count; i++)
        {
            bytes += output[i].Data.Length;
        }

        return bytes;
    }
}

/// <summary>The kinds of work whose requests and results the doors know.</summary>
internal static class Kinds
{
    /// <summary>An OpenAI chat.</summary>
    public const string Chat = "chat";

    /// <summary>An OpenAI completion.</summary>
    public const string Completion = "completion";

    /// <summary>OpenAI embeddings.</summary>
    public const string Embedding = "embedding";
}
