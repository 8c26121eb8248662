using System.Text.Json.Serialization;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Validation;

namespace Pollard.Tasks;

/// <summary>Data of the event that gives a task to a host.</summary>
/// <param name="Host">The host's id.</param>
/// <param name="Attempt">Which try, from 1.</param>
/// <param name="Fence">What makes this try known from all others: which start of the gateway gave it out, and its number since, as <c>5.12</c>.</param>
public sealed record LeasedData(string Host, int Attempt, string? Fence = null);

/// <summary>Data of the event that gives a task to a host which goes on with its answer.</summary>
/// <param name="Host">The host's id.</param>
/// <param name="Attempt">Which try, from 1.</param>
/// <param name="Mode"><c>prefill</c> or <c>replay</c>, see <see cref="Continuations"/>.</param>
/// <param name="Fence">As of <see cref="LeasedData"/>.</param>
public sealed record ContinuedData(string Host, int Attempt, string Mode, string? Fence = null);

/// <summary>Data of the event that ends a try without ending the task.</summary>
/// <param name="Code">A stable word.</param>
/// <param name="Message">The same for people.</param>
/// <param name="RetryAt">Not tried again before; absent: at once.</param>
public sealed record LostData(string Code, string Message, DateTimeOffset? RetryAt);

/// <summary>Data of the event of a cancelled task.</summary>
public sealed record CancelledData(string Reason);

/// <summary>The data of events.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(LeasedData))]
[JsonSerializable(typeof(ContinuedData))]
[JsonSerializable(typeof(LostData))]
[JsonSerializable(typeof(CancelledData))]
[JsonSerializable(typeof(TaskError))]
[JsonSerializable(typeof(Messages.Finish))]
[JsonSerializable(typeof(Judgement))]
[JsonSerializable(typeof(InputNeededData))]
[JsonSerializable(typeof(TaskInput))]
[JsonSerializable(typeof(ValidationPlan))]
public sealed partial class EngineJson : JsonSerializerContext;
