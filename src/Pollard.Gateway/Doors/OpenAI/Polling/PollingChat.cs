using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Gateway.LongCalls;
using Pollard.Tasks;

namespace Pollard.Gateway.Doors.OpenAI.Polling;

/// <summary>
/// A chat that says <c>polling_mode</c>: the Claude proxy's way to hand in a call that takes long. With true the client gets an
/// id at once; with false the answer, or after its patience a 408 with the id, under which the task goes on.
/// </summary>
internal sealed class PollingChat(LlmConfigReader reader, LongCallIntake intake, GatewayOptions options)
{
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(300);
    private static readonly DetailDialect Errors = new();

    /// <summary>Answers.</summary>
    public async Task AnswerAsync(HttpContext http, byte[] body)
    {
        http.Features.Set<Dialect>(Errors);
        var config = LongCallIntake.Parse(body);
        var polls = LlmConfigReader.FlagOf(config, "", "polling_mode");
        if (LlmConfigReader.FlagOf(config, "", "stream"))
        {
            throw LlmConfigReader.Bad("", "stream", "cannot be combined with \"polling_mode\"; leave one of them out");
        }

        CheckUser(config);
        var patience = LlmConfigReader.SecondsOf(config, "", "timeout") ?? DefaultTimeout;
        var call = reader.Read(config, timeout: polls ? patience : options.LongRunning.Beyond(patience));
        var task = await intake.SubmitAsync(http, call, TaskNames.Uuid());
        if (polls)
        {
            await JsonReply.WriteAsync(http, LongCallView.IdOf(task), WriteReceipt);
            return;
        }

        // A client that leaves finds it by its id later.
        var waits = patience < options.MaxWait ? patience : options.MaxWait;
        var row = await task.WaitAsync(waits, http.RequestAborted);
        if (row.State == TaskState.Completed)
        {
            await WriteAnswerAsync(http, task, call.Model);
        }
        else if (row.IsFinal)
        {
            throw Failed(task, row);
        }
        else
        {
            http.Response.StatusCode = StatusCodes.Status408RequestTimeout;
            await JsonReply.WriteAsync(http, (LongCallView.IdOf(task), waits), WriteTimeout);
        }
    }

    private static async Task WriteAnswerAsync(HttpContext http, TaskHandle task, string model)
    {
        var result = await Work.ResultOfAsync(task, task.Row, http.RequestAborted);
        var output = new ArrayBufferWriter<byte>(result.Length + 64);
        using (var json = new Utf8JsonWriter(output, JsonReply.WriterOptions))
        {
            json.WriteStartObject();
            json.WriteString("id"u8, "claude-" + RandomNumberGenerator.GetHexString(8, lowercase: true));
            json.WriteString("task_id"u8, LongCallView.IdOf(task));
            foreach (var member in JsonElement.Parse(result.Span).EnumerateObject())
            {
                if (member.NameEquals("model"u8))
                {
                    json.WriteString("model"u8, model); // By the name that the client knows.
                }
                else if (!member.NameEquals("id"u8))
                {
                    member.WriteTo(json);
                }
            }

            json.WriteEndObject();
        }

        await JsonReply.WriteAsync(http, output.WrittenMemory);
    }

    private static RejectedException Failed(TaskHandle task, TaskRow row)
    {
        var id = LongCallView.IdOf(task);
        var failure = TaskFailure.Of(row, id);
        var how = row.State == TaskState.Cancelled ? "was cancelled" : "failed";
        return new RejectedException(
            failure with
            {
                Status = failure.Status is 400 or 404 or 413 or 429 ? failure.Status : 500, // What the old server said of all.
                Message = $"Task {id} {how}: {LongCallView.ErrorOf(row)}",
                TaskId = id,
            }
        );
    }

    private static void CheckUser(JsonElement config)
    {
        var hasUser =
            config.TryGetProperty("messages", out var messages)
            && messages.ValueKind == JsonValueKind.Array
            && messages
                .EnumerateArray()
                .Any(static message =>
                    message.ValueKind == JsonValueKind.Object
                    && message.TryGetProperty("role", out var role)
                    && role.ValueKind == JsonValueKind.String
                    && role.ValueEquals("user")
                );
        if (!hasUser && !config.TryGetProperty("question", out _))
        {
            throw new RejectedException(DoorError.BadRequest("No user message provided", "messages"));
        }
    }

    private static void WriteReceipt(Utf8JsonWriter json, string id)
    {
        json.WriteStartObject();
        json.WriteString("task_id"u8, id);
        json.WriteString("status"u8, "pending"u8);
        json.WriteString("message"u8, "Task submitted for background execution"u8);
        json.WriteString("polling_url"u8, $"/v1/polling/status/{id}");
        json.WriteEndObject();
    }

    private static void WriteTimeout(Utf8JsonWriter json, (string Id, TimeSpan Patience) it)
    {
        var seconds = it.Patience.TotalSeconds;
        json.WriteStartObject();
        json.WriteString("error"u8, "Request timeout"u8);
        json.WriteString("task_id"u8, it.Id);
        json.WriteString(
            "message"u8,
            string.Create(
                CultureInfo.InvariantCulture,
                $"The request took longer than {seconds:0.###} seconds. The task goes on: check it at /v1/polling/status/{it.Id}"
            )
        );
        json.WriteNumber("timeout"u8, seconds);
        json.WriteEndObject();
    }
}
