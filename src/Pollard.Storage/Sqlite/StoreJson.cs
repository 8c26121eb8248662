using System.Text.Json.Serialization;
using Pollard.Protocol.Api;
using Pollard.Tasks;
using Pollard.Tasks.Validation;

namespace Pollard.Storage.Sqlite;

/// <summary>The few members of a row that are kept as JSON.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(TaskError))]
[JsonSerializable(typeof(TaskRequirements))]
[JsonSerializable(typeof(ValidationPlan))]
internal sealed partial class StoreJson : JsonSerializerContext;
