using System.Text.Json;

namespace Pollard.Gateway.Validation;

/// <summary>What a validating model's report must say; all that is asked for must hold.</summary>
internal sealed record SuccessCriteria
{
    /// <summary>Nothing but that the model says so itself.</summary>
    public static readonly SuccessCriteria None = new();

    private string[] InDetails { get; init; } = [];
    private string[] InReasoning { get; init; } = [];
    private string[] NotInReasoning { get; init; } = [];
    private string[] TrueInDetails { get; init; } = [];
    private string[] FieldsInDetails { get; init; } = [];
    private string? TrueKey { get; init; }

    private bool AsksForNothing =>
        TrueKey is null
        && InDetails.Length + InReasoning.Length + NotInReasoning.Length + TrueInDetails.Length + FieldsInDetails.Length
            == 0;

    /// <summary>Reads them.</summary>
    public static SuccessCriteria Read(ParamReader given)
    {
        const string Key = "agent_must_report_true";
        var isFlag = given.Any(Key)?.ValueKind is JsonValueKind.True or JsonValueKind.False;
        var criteria = new SuccessCriteria
        {
            InDetails = given.Texts("must_contain_in_details") ?? [],
            InReasoning = given.Texts("must_contain_in_reasoning") ?? [],
            NotInReasoning = given.Texts("must_not_contain_string_in_reasoning") ?? [],
            TrueInDetails = given.Texts("all_true_in_details_keys") ?? [],
            FieldsInDetails = given.Texts("field_present_in_details") ?? [],
            TrueKey =
                !isFlag ? given.Text(Key)
                : given.Flag(Key) is true ? AgentReport.Passed
                : null,
        };
        given.End();
        return criteria;
    }

    /// <summary>What the report lacks; null when it lacks nothing.</summary>
    public string? WhatFails(JsonElement report, string reasoning)
    {
        var passed = report.TryGetProperty(AgentReport.Passed, out var said) ? said.ValueKind : JsonValueKind.Undefined;
        var details = report.TryGetProperty("details"u8, out var own) ? own : default;
        var text = details.ValueKind switch
        {
            JsonValueKind.Undefined => "",
            JsonValueKind.String => details.GetString()!,
            _ => details.GetRawText(),
        };
        return passed == JsonValueKind.False ? reasoning
            : AsksForNothing && passed != JsonValueKind.True ? $"its report does not say that it passed: {reasoning}"
            : TrueKey is { } key && !IsTrue(report, key) && !IsTrue(details, key)
                ? $"\"{key}\" is not true: {reasoning}"
            : First(TrueInDetails, name => !IsTrue(details, name)) is { } notTrue
                ? $"\"{notTrue}\" is not true in its details: {reasoning}"
            : First(FieldsInDetails, name => JsonField.Find(details, name).Value is null) is { } missing
                ? $"its details lack \"{missing}\": {reasoning}"
            : First(InDetails, word => !Has(text, word)) is { } lacking ? $"its details lack \"{lacking}\": {reasoning}"
            : First(InReasoning, word => !Has(reasoning, word)) is { } unsaid
                ? $"its reasoning does not say \"{unsaid}\": {reasoning}"
            : First(NotInReasoning, word => Has(reasoning, word)) is { } forbidden
                ? $"its reasoning says \"{forbidden}\": {reasoning}"
            : null;
    }

    private static string? First(string[] texts, Predicate<string> fails) => Array.Find(texts, fails);

    private static bool Has(string text, string word) => text.Contains(word, StringComparison.OrdinalIgnoreCase);

    private static bool IsTrue(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && JsonField.Find(json, name).Value?.ValueKind == JsonValueKind.True;
}
