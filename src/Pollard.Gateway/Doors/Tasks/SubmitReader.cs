using System.Runtime.InteropServices;
using System.Text.Json;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Gateway.Requests;
using Pollard.Gateway.Validation;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using Pollard.Tasks.Validation;

namespace Pollard.Gateway.Doors.Tasks;

/// <summary>Turns what a client submits into a task, and says what is wrong with it.</summary>
internal static class SubmitReader
{
    private const int MostKindCharacters = 64;
    private const int MostMetadataBytes = 16 * 1024;
    private const int MostLabels = 32;
    private const int MostLabelCharacters = 100; // As many as a host's own labels may have.
    private const int MostPriority = 100;
    private const int MostAttempts = 100;
    private const double MostRunSeconds = 7 * 24 * 3600;
    private const double MostKeepSeconds = 10 * 365 * 24 * 3600.0;

    /// <summary>The task; its owner is the caller's to set.</summary>
    /// <exception cref="RejectedException">A member is wrong; says which.</exception>
    public static NewTask Read(ReadOnlySpan<byte> json, ValidationPlanReader plans, GatewayOptions options)
    {
        RefuseWhatIsNotThere(json);
        var submitted = RequestBody.Parse(json, ProtocolJson.Default.SubmitTask);
        CheckWords(submitted);
        CheckNumbers(submitted);
        CheckRequires(submitted.Requires);
        var request = JsonMarshal.GetRawUtf8Value(submitted.Request).ToArray();
        var facts = FactsOf(submitted, request, options);
        var call = submitted.Kind == HttpCall.Kind ? CallScanner.Read(request) : null;
        var plan = PlanOf(submitted, json, plans);
        Check(call is null || plan is null, "validation", "is for what models write");
        return new NewTask
        {
            Owner = "",
            Kind = submitted.Kind,
            Model = submitted.Model ?? "",
            Request = request,
            Stream = facts.Stream,
            Prefixes = facts.Prefixes,
            Requires = ToolTrust.Require(submitted.Requires, facts.Tools || call is not null, options),
            Priority = submitted.Priority ?? 0,
            MaxAttempts = submitted.MaxAttempts ?? (call?.IsRepeatable == false ? 1 : null),
            RunTimeout = SpanOf(submitted.Timeout),
            QueueTimeout = SpanOf(submitted.QueueTimeout),
            RunAt = submitted.RunAt,
            Retention = SpanOf(submitted.Retention),
            Durability = submitted.Durability == "relaxed" ? Durability.Relaxed : Durability.Full,
            LostOutput = LostOutput.Restart,
            Continuations = facts.Continuations,
            Validation = plan,
            Metadata = submitted.Metadata is { ValueKind: not JsonValueKind.Null } metadata
                ? metadata.GetRawText()
                : null,
        };
    }

    // Dropped in silence, what the contract has and this version does not would be a broken promise.
    private static void RefuseWhatIsNotThere(ReadOnlySpan<byte> task)
    {
        try
        {
            var reader = new Utf8JsonReader(task);
            while (reader.Read())
            {
                if (reader.TokenType != JsonTokenType.PropertyName)
                {
                    continue;
                }

                if (Missing(reader) is { } name)
                {
                    throw new RejectedException(
                        DoorError.BadRequest(
                            $"\"{name}\" is not available in this version; leave it out",
                            name,
                            "not_available"
                        )
                    );
                }

                reader.Skip();
            }
        }
        catch (JsonException e)
        {
            throw RequestBody.Malformed(e);
        }
        catch (InvalidOperationException)
        {
            throw RequestBody.NoText();
        }
    }

    private static string? Missing(in Utf8JsonReader name) => name.ValueTextEquals("webhook"u8) ? "webhook" : null;

    // Its members are checked where they are understood; what stands without checks would be dropped in silence.
    private static ValidationPlan? PlanOf(SubmitTask submitted, ReadOnlySpan<byte> json, ValidationPlanReader plans)
    {
        var task = JsonElement.Parse(json);
        if (!ValidationPlanReader.Members.Any(member => task.TryGetProperty(member, out _)))
        {
            return null;
        }

        var plan = plans.Read(task);
        Check(
            plan is not null,
            "validation",
            "must name a check: what is said about checks has no meaning without one"
        );
        Check(submitted.Durability != "relaxed", "durability", "must be \"full\": answers that are checked are kept");
        return plan;
    }

    private static void CheckWords(SubmitTask submitted)
    {
        var kind = submitted.Kind;
        var isWord =
            kind is { Length: > 0 and <= MostKindCharacters }
            && kind.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');
        Check(isWord, "kind", $"must be 1 to {MostKindCharacters} letters, digits, '-', '_' and '.'");
        var needsModel = kind is Kinds.Chat or Kinds.Completion or Kinds.Embedding or HttpCall.Kind;
        Check(
            !needsModel || submitted.Model is { Length: > 0 },
            "model",
            $"must name a {(kind == HttpCall.Kind ? "tool" : "model")} for kind \"{kind}\""
        );
        Check(
            submitted.Model is null or "" || LinkLimits.IsModelName(submitted.Model),
            "model",
            $"must be 1 to {LinkLimits.ModelNameCharacters} letters, digits and . _ - : / @ +"
        );
        Check(submitted.Durability is null or "full" or "relaxed", "durability", "must be \"full\" or \"relaxed\"");
    }

    private static void CheckNumbers(SubmitTask submitted)
    {
        Check(submitted.Priority is null or (>= -MostPriority and <= MostPriority), "priority", "must be -100 to 100");
        Check(
            submitted.MaxAttempts is null or (>= 1 and <= MostAttempts),
            "max_attempts",
            $"must be 1 to {MostAttempts}"
        );
        CheckSeconds(submitted.Timeout, "timeout", MostRunSeconds);
        CheckSeconds(submitted.QueueTimeout, "queue_timeout", MostKeepSeconds);
        CheckSeconds(submitted.Retention, "retention", MostKeepSeconds);
        var metadata = submitted.Metadata is { } given ? JsonMarshal.GetRawUtf8Value(given) : default;
        Check(metadata.Length <= MostMetadataBytes, "metadata", $"must be at most {MostMetadataBytes / 1024} KB");
        Check(JsonCheck.IsTextReadable(metadata), "metadata", "holds text with half a character");
    }

    private static void CheckRequires(TaskRequirements? requires)
    {
        CheckList(requires?.Labels, "requires.labels");
        CheckList(requires?.Features, "requires.features");
        Check(
            requires?.Host is null || IsPrintable(requires.Host),
            "requires.host",
            $"must be the id or name of a host, 1 to {MostLabelCharacters} printable characters"
        );
        Check(
            requires?.Tier is not { } tier || Enum.IsDefined(tier),
            "requires.tier",
            "must be \"own\", \"trusted\" or \"community\""
        );
        Check(requires?.Context is null or > 0, "requires.context", "must be a number of tokens, 1 or more");
    }

    private static void CheckList(IReadOnlyList<string>? words, string member) =>
        Check(
            words is null || (words.Count <= MostLabels && words.All(IsPrintable)),
            member,
            $"must be at most {MostLabels} words of 1 to {MostLabelCharacters} printable characters"
        );

    private static bool IsPrintable(string? word) =>
        word is { Length: > 0 and <= MostLabelCharacters } && PlainText.Is(word);

    /// <summary>Checks the request of a kind we know.</summary>
    private static RequestFacts FactsOf(SubmitTask submitted, byte[] request, GatewayOptions options)
    {
        RequestShape? shape = submitted.Kind switch
        {
            Kinds.Chat => RequestShape.Chat,
            Kinds.Completion => RequestShape.Completion,
            Kinds.Embedding => RequestShape.Embedding,
            _ => null,
        };
        return shape is { } known ? RequestScanner.Scan(request, known, options) : default;
    }

    private static void CheckSeconds(double? seconds, string member, double most) =>
        Check(
            seconds is null || (seconds > 0 && seconds <= most),
            member,
            $"must be seconds, more than 0 and at most {most:0}"
        );

    private static TimeSpan? SpanOf(double? seconds) => seconds is { } value ? TimeSpan.FromSeconds(value) : null;

    private static void Check(bool holds, string member, string rule)
    {
        if (!holds)
        {
            throw new RejectedException(DoorError.BadRequest($"\"{member}\" {rule}", member));
        }
    }
}
