using System.Text;
using System.Text.Json;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Events;

namespace Pollard.Tasks.Validation;

/// <summary>What a task's log says of its answers: nothing about them is kept anywhere else.</summary>
internal sealed class ReviewLog
{
    private readonly List<RejectedAnswer> _rejected = [];
    private readonly List<TaskEvent> _output = [];

    /// <summary>Answers that did not pass, oldest first, in this generation of the task.</summary>
    public IReadOnlyList<RejectedAnswer> Rejected => _rejected;

    /// <summary>The output of the last answer.</summary>
    public IReadOnlyList<TaskEvent> Output => _output;

    /// <summary>What the host said at its end; null while there is no answer.</summary>
    public Messages.Finish? Finish { get; private set; }

    /// <summary>The text of the last answer.</summary>
    public string Text => TextOf(_output);

    /// <summary>Reads events from the first one on.</summary>
    public static ReviewLog Of(IEnumerable<TaskEvent> events)
    {
        var log = new ReviewLog();
        foreach (var item in events)
        {
            log.Add(item);
        }

        return log;
    }

    private void Add(in TaskEvent item)
    {
        switch (item.Type)
        {
            case TaskEventType.Retried:
                _rejected.Clear();
                Restart();
                break;
            case TaskEventType.Leased:
                Restart();
                break;
            case TaskEventType.Delta:
                _output.Add(item);
                break;
            case TaskEventType.Answered:
                Finish = JsonSerializer.Deserialize(item.Data.Span, EngineJson.Default.Finish);
                break;
            case TaskEventType.Validation:
                if (JsonSerializer.Deserialize(item.Data.Span, EngineJson.Default.Judgement) is { Valid: false } no)
                {
                    _rejected.Add(new RejectedAnswer(Text, no.Verdicts, null));
                }

                break;
            case TaskEventType.Input when _rejected.Count > 0:
                var input = JsonSerializer.Deserialize(item.Data.Span, EngineJson.Default.TaskInput);
                _rejected[^1] = _rejected[^1] with { Input = input?.Text };
                break;
            default:
                break;
        }
    }

    private void Restart()
    {
        _output.Clear();
        Finish = null;
    }

    private static string TextOf(List<TaskEvent> output)
    {
        using var text = new MemoryStream();
        foreach (var item in output)
        {
            if (item is { Kind: DeltaKind.Content or DeltaKind.Body, Choice: 0 })
            {
                text.Write(item.Data.Span);
            }
        }

        return Encoding.UTF8.GetString(text.GetBuffer(), 0, (int)text.Length);
    }
}
