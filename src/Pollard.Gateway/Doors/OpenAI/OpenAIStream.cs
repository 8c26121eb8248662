using System.Buffers;
using System.Text;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Gateway.Requests;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;

namespace Pollard.Gateway.Doors.OpenAI;

/// <summary>How the chunks of a chat and of a completion differ.</summary>
/// <param name="IdPrefix">What stands before the id.</param>
/// <param name="Shape">The value of <c>object</c>.</param>
/// <param name="IsChat">True when output stands in a delta.</param>
internal sealed record StreamForm(string IdPrefix, string Shape, bool IsChat)
{
    /// <summary>Chunks of a chat.</summary>
    public static readonly StreamForm Chat = new(ChatAnswer.IdPrefix, "chat.completion.chunk", true);

    /// <summary>Chunks of a completion.</summary>
    public static readonly StreamForm Completion = new(CompletionAnswer.IdPrefix, "text_completion", false);
}

/// <summary>An answer as OpenAI streams it: server-sent events, each a chunk made of a template around the escaped output.</summary>
internal sealed class OpenAIStream : AnswerStream
{
    private readonly StreamForm _form;
    private readonly bool _includeUsage;
    private readonly byte[] _head;
    private readonly byte[] _tail;
    private readonly bool[] _begun;

    /// <summary>Prepares the template.</summary>
    public OpenAIStream(
        Work work,
        GatewayOptions options,
        StreamForm form,
        string id,
        long created,
        in RequestFacts facts
    )
        : base(work, options)
    {
        _form = form;
        _includeUsage = facts.IncludeUsage;
        _begun = new bool[AnswerParts.MostChoices];
        var head = new ArrayBufferWriter<byte>(256);
        head.Write("data: {\"id\":\""u8);
        JsonText.WriteEscaped(head, id);
        head.Write("\",\"object\":\""u8);
        JsonText.WriteEscaped(head, form.Shape);
        head.Write("\",\"created\":"u8);
        JsonText.WriteNumber(head, created);
        head.Write(",\"model\":\""u8);
        JsonText.WriteEscaped(head, facts.Model!);
        head.Write("\",\"choices\":["u8);
        _head = head.WrittenSpan.ToArray();
        _tail = Encoding.UTF8.GetBytes(_includeUsage ? "],\"usage\":null}\n\n" : "]}\n\n");
    }

    /// <inheritdoc/>
    protected override string ContentType => "text/event-stream";

    /// <inheritdoc/>
    protected override void WriteDelta(DeltaKind kind, ushort choice, ReadOnlySpan<byte> data, long unixMilliseconds)
    {
        // hot: once a token; guarded by the stream benchmark.
        if (kind is DeltaKind.ToolCall or DeltaKind.LogProbabilities && !Fragments.IsObject(data))
        {
            return; // As in an answer that is not streamed: one bad piece must not break what is around it.
        }

        if (_form.IsChat)
        {
            WriteChatDelta(kind, choice, data);
        }
        else
        {
            WriteCompletionDelta(kind, choice, data);
        }
    }

    /// <inheritdoc/>
    protected override void WriteKeepAlive() => Output.Write(": keep-alive\n\n"u8);

    /// <inheritdoc/>
    protected override void WriteEnd(TaskRow row, AnswerFacts facts)
    {
        for (var choice = 0; choice < facts.FinishReasons.Count; choice++)
        {
            if (_form.IsChat)
            {
                WriteRole((ushort)choice);
            }

            BeginChunk((ushort)choice);
            Output.Write(
                _form.IsChat ? ",\"delta\":{},\"finish_reason\":\""u8 : ",\"text\":\"\",\"finish_reason\":\""u8
            );
            JsonText.WriteEscaped(Output, facts.FinishReasons[choice]);
            Output.Write("\"}"u8);
            Output.Write(_tail);
        }

        if (_includeUsage && !facts.Usage.IsEmpty)
        {
            Output.Write(_head);
            Output.Write("],\"usage\":"u8);
            JsonText.WriteRaw(Output, facts.Usage.Span);
            Output.Write("}\n\n"u8);
        }

        Output.Write("data: [DONE]\n\n"u8);
    }

    /// <inheritdoc/>
    protected override void WriteError(DoorError error)
    {
        Output.Write("data: "u8);
        JsonReply.Fill(Output, error, OpenAIErrors.Write);
        Output.Write("\n\n"u8); // No [DONE]: a cut answer is never a clean end.
    }

    private void WriteChatDelta(DeltaKind kind, ushort choice, ReadOnlySpan<byte> data)
    {
        if (kind == DeltaKind.Body)
        {
            return;
        }

        WriteRole(choice);
        BeginChunk(choice);
        switch (kind)
        {
            case DeltaKind.Content:
                WriteText(",\"delta\":{\"content\":\""u8, data);
                break;
            case DeltaKind.Reasoning:
                WriteText(",\"delta\":{\"reasoning_content\":\""u8, data);
                break;
            case DeltaKind.Refusal:
                WriteText(",\"delta\":{\"refusal\":\""u8, data);
                break;
            case DeltaKind.ToolCall:
                Output.Write(",\"delta\":{\"tool_calls\":["u8);
                JsonText.WriteRaw(Output, data);
                Output.Write("]},\"finish_reason\":null}"u8);
                break;
            default:
                Output.Write(",\"delta\":{},\"logprobs\":"u8);
                JsonText.WriteRaw(Output, data);
                Output.Write(",\"finish_reason\":null}"u8);
                break;
        }

        Output.Write(_tail);
    }

    private void WriteCompletionDelta(DeltaKind kind, ushort choice, ReadOnlySpan<byte> data)
    {
        if (kind is not (DeltaKind.Content or DeltaKind.LogProbabilities))
        {
            return;
        }

        BeginChunk(choice);
        if (kind == DeltaKind.Content)
        {
            Output.Write(",\"text\":\""u8);
            JsonText.WriteEscaped(Output, data);
            Output.Write("\",\"finish_reason\":null}"u8);
        }
        else
        {
            Output.Write(",\"text\":\"\",\"logprobs\":"u8);
            JsonText.WriteRaw(Output, data);
            Output.Write(",\"finish_reason\":null}"u8);
        }

        Output.Write(_tail);
    }

    private void BeginChunk(ushort choice)
    {
        Output.Write(_head);
        Output.Write("{\"index\":"u8);
        JsonText.WriteNumber(Output, choice);
    }

    private void WriteText(ReadOnlySpan<byte> before, ReadOnlySpan<byte> text)
    {
        Output.Write(before);
        JsonText.WriteEscaped(Output, text);
        Output.Write("\"},\"finish_reason\":null}"u8);
    }

    /// <summary>Each answer's first chunk says who speaks.</summary>
    private void WriteRole(ushort choice)
    {
        if (_begun[choice])
        {
            return;
        }

        _begun[choice] = true;
        BeginChunk(choice);
        Output.Write(",\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}"u8);
        Output.Write(_tail);
    }
}
