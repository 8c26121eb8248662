using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Protocol.Api;
using Pollard.Tasks;

namespace Pollard.Gateway.LongCalls;

/// <summary>Makes the task of a long call: durable, under the name that its door's clients know it by.</summary>
internal sealed class LongCallIntake(
    TaskEngine engine,
    ModelCatalog models,
    Feasibility feasibility,
    GatewayOptions options
)
{
    /// <summary>Makes the task. The response's headers name it.</summary>
    /// <exception cref="RejectedException">It is not taken; says why.</exception>
    public async ValueTask<TaskHandle> SubmitAsync(HttpContext http, LongCall call, string name)
    {
        var model = await models.ResolveAsync(Kinds.Chat, call.Model, http.RequestAborted);
        var requires = ToolTrust.Require(RequirementsOf(call), call.Tools, options);
        feasibility.Require(Kinds.Chat, model, requires);
        var task = new NewTask
        {
            Owner = http.GetCaller().Owner,
            Kind = Kinds.Chat,
            Model = model,
            Request = call.Body,
            Prefixes = call.Prefixes,
            RunTimeout = call.RunTimeout,
            MaxAttempts = call.MaxAttempts,
            Validation = call.Validation,
            Requires = requires,
            Durability = Durability.Full,
            LostOutput = LostOutput.Restart,
            Continuations = call.Continuations,
            Name = name,
            IdempotencyKey = Work.IdempotencyKey(http),
            Traceparent = RequestTrace.Traceparent(http),
        };

        // No token: what is handed in is accepted or not, whether or not the client still listens.
        var handle = Work.Accepted(await engine.SubmitAsync(task, CancellationToken.None));
        http.Response.Headers[TaskHeaders.Task] = handle.PublicId;
        http.Response.Headers[TaskHeaders.Durability] = TaskView.WordOf(handle.Row.Durability);
        return handle;
    }

    /// <summary>Reads a body as a JSON object.</summary>
    /// <exception cref="RejectedException">It is none.</exception>
    public static JsonElement Parse(byte[] body)
    {
        try
        {
            var element = JsonElement.Parse(body);
            return element.ValueKind == JsonValueKind.Object
                ? element
                : throw new RejectedException(DoorError.BadRequest("the body is no object", code: "invalid_json"));
        }
        catch (JsonException e)
        {
            throw RequestBody.Malformed(e);
        }
    }

    private static TaskRequirements? RequirementsOf(LongCall call) =>
        call is { NeedsMcp: false, Label: null }
            ? null
            : new TaskRequirements
            {
                Labels = call.Label is { } label ? [label] : null,
                Features = call.NeedsMcp ? ["mcp"] : null,
            };
}
