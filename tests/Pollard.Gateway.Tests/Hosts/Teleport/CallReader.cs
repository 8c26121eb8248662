using System.Text;
using System.Text.Json;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using Pollard.Tasks.Events;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests.Hosts.Teleport;

/// <summary>Makes calls, and reads what the engine has of their answers.</summary>
internal static class CallReader
{
    public static Task<TaskHandle> CallAsync(this TestGateway gateway, string call, string to = "teleport") =>
        gateway.CallAsync(call, to, static task => task);

    public static async Task<TaskHandle> CallAsync(
        this TestGateway gateway,
        string call,
        string to,
        Func<NewTask, NewTask> change
    )
    {
        var task = new NewTask
        {
            Owner = "",
            Kind = HttpCall.Kind,
            Model = to,
            Request = Encoding.UTF8.GetBytes(call),
        };
        var submitted = await gateway.Engine.SubmitAsync(change(task), Token);
        return submitted.Task!;
    }

    /// <summary>The row when the task has ended.</summary>
    public static async Task<TaskRow> EndAsync(this TaskHandle task)
    {
        while (true)
        {
            var row = await task.WaitAsync(TimeSpan.FromSeconds(1), Token);
            if (row.IsFinal)
            {
                return row;
            }
        }
    }

    /// <summary>The whole answer of a task, as it is read along.</summary>
    public static async Task<(HttpHead Head, byte[] Body)> AnswerAsync(this TaskHandle task)
    {
        HttpHead? head = null;
        using var body = new MemoryStream();
        var reader = task.TakeEvents();
        while (await reader.WaitAsync(TimeSpan.FromMinutes(1), Token) != EventWait.Ended)
        {
            while (reader.TryRead(out var next))
            {
                if (next.Type == TaskEventType.Lost)
                {
                    (head, _) = (null, body.Seek(0, SeekOrigin.Begin)); // What came before it is void.
                    body.SetLength(0);
                }
                else if (next is { Type: TaskEventType.Delta, Kind: DeltaKind.Head })
                {
                    head = JsonSerializer.Deserialize(next.Data.Span, ProtocolJson.Default.HttpHead);
                }
                else if (next is { Type: TaskEventType.Delta, Kind: DeltaKind.Body })
                {
                    body.Write(next.Data.Span);
                }
            }
        }

        Assert.NotNull(head);
        return (head, body.ToArray());
    }

    public static string Text(this byte[] body) => Encoding.UTF8.GetString(body);

    public static string? Field(this HttpHead head, string name) =>
        head.Headers?.FirstOrDefault(field => field.Name.Equals(name, StringComparison.OrdinalIgnoreCase))?.Value;
}
