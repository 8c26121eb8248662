using System.Text.Json;
using System.Text.Json.Serialization;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;

namespace Pollard.Protocol;

/// <summary>Every shape that crosses a wire between our own parts: snake_case, absent members left out, times as RFC 3339.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true,
    Converters = [typeof(MillisecondTimeConverter)]
)]
[JsonSerializable(typeof(Messages.Hello))]
[JsonSerializable(typeof(Messages.HelloOk))]
[JsonSerializable(typeof(Messages.Offer))]
[JsonSerializable(typeof(Messages.Cancel))]
[JsonSerializable(typeof(Messages.Drain))]
[JsonSerializable(typeof(Messages.Config))]
[JsonSerializable(typeof(Messages.GoAway))]
[JsonSerializable(typeof(Messages.Slots), TypeInfoPropertyName = "SlotsMessage")]
[JsonSerializable(typeof(Messages.Refuse))]
[JsonSerializable(typeof(Messages.Finish))]
[JsonSerializable(typeof(Messages.Fail))]
[JsonSerializable(typeof(Messages.Status))]
[JsonSerializable(typeof(Messages.Progress))]
[JsonSerializable(typeof(EnrollRequest))]
[JsonSerializable(typeof(EnrollReply))]
[JsonSerializable(typeof(LinkDirectory))]
[JsonSerializable(typeof(OutputReply))]
[JsonSerializable(typeof(HttpCall))]
[JsonSerializable(typeof(HttpHead))]
[JsonSerializable(typeof(SubmitTask))]
[JsonSerializable(typeof(SubmitBatch))]
[JsonSerializable(typeof(InputRequest))]
[JsonSerializable(typeof(BatchReply))]
[JsonSerializable(typeof(TaskDocument))]
[JsonSerializable(typeof(TaskPage))]
[JsonSerializable(typeof(TaskEventDocument))]
[JsonSerializable(typeof(EventPage))]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(WhyDocument))]
[JsonSerializable(typeof(HostDocument))]
[JsonSerializable(typeof(HostList))]
[JsonSerializable(typeof(HostAudits))]
[JsonSerializable(typeof(CreateKey))]
[JsonSerializable(typeof(ChangeKey))]
[JsonSerializable(typeof(KeyDocument))]
[JsonSerializable(typeof(KeyList))]
[JsonSerializable(typeof(CreateToken))]
[JsonSerializable(typeof(TokenDocument))]
[JsonSerializable(typeof(TokenList))]
[JsonSerializable(typeof(Overview))]
[JsonSerializable(typeof(ChangedTasks))]
[JsonSerializable(typeof(OverviewHistory))]
[JsonSerializable(typeof(SessionDocument))]
[JsonSerializable(typeof(SignIn))]
[JsonSerializable(typeof(SettingsDocument))]
internal sealed partial class ProtocolJson : JsonSerializerContext;

/// <summary>Moments as RFC 3339 in UTC with milliseconds; reads any RFC 3339.</summary>
internal sealed class MillisecondTimeConverter : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.GetDateTimeOffset();

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
        writer.WriteStringValue(
            value.UtcDateTime.ToString(
                "yyyy-MM-dd'T'HH:mm:ss.fff'Z'",
                System.Globalization.CultureInfo.InvariantCulture
            )
        );
}
