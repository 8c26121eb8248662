using Pollard.Gateway.Http;
using Pollard.Tasks.Validation;

namespace Pollard.Gateway.Validation;

/// <summary>All checks by their names.</summary>
internal sealed class ValidatorCatalog
{
    /// <summary>What an answer must pass where nothing else is said.</summary>
    public const string NotEmpty = "response_not_empty";

    // Other programs have these; here nothing can say so honestly.
    private static readonly Dictionary<string, string> Refused = new(StringComparer.Ordinal)
    {
        ["sentiment_analysis"] = "the gateway has no measure of sentiment; ask a model with agent_task",
        ["language_detection"] = "the gateway cannot tell languages apart; ask a model with agent_task",
        ["conditional_validator"] = "every check of a list must pass; submit the checks that hold in your case",
    };

    private readonly Dictionary<string, Func<ParamReader, AnswerCheck>> _checks;

    /// <summary>The checks that this machine can make.</summary>
    /// <param name="parser">Parses code.</param>
    /// <param name="modelNames">Turns a model's name as clients write it into one that is served; null: it is the same.</param>
    public ValidatorCatalog(ParserProcess parser, Func<string, string>? modelNames = null)
    {
        var models = new ModelChecks(modelNames ?? (name => name));
        var code = new CodeChecks(parser);
        var sql = new SqlChecks(parser);
        _checks = new(StringComparer.Ordinal)
        {
            [NotEmpty] = TextChecks.NotEmpty,
            ["not_empty"] = TextChecks.NotEmpty,
            ["length"] = TextChecks.Length,
            ["min_length"] = TextChecks.MinLength,
            ["max_length"] = TextChecks.MaxLength,
            ["regex"] = TextChecks.Regex,
            ["contains"] = TextChecks.Contains,
            ["response_contains"] = TextChecks.Contains,
            ["contains_code_block"] = TextChecks.CodeBlock,
            ["json"] = JsonChecks.Json,
            ["json_string"] = JsonChecks.Json,
            ["field_present"] = JsonChecks.FieldPresent,
            ["email_format"] = JsonChecks.Email,
            ["age_range"] = JsonChecks.AgeRange,
            [ModelChecks.AgentTask] = models.Agent,
            [ModelChecks.ContradictionCheck] = models.Contradiction,
            ["code"] = code.Code,
            ["python"] = code.Python,
            ["sql"] = sql.Sql,
            ["sql_safe"] = sql.SafeSql,
            ["schema"] = SchemaCheck.Read,
            ["openapi_spec"] = OpenApiCheck.Read,
            ["no_injection_detected"] = MarkupChecks.NoInjection,
            ["no_script_tags"] = MarkupChecks.NoScriptTags,
            ["safe_html"] = MarkupChecks.SafeHtml,
        };
    }

    /// <summary>The names.</summary>
    public IReadOnlyCollection<string> Names => _checks.Keys;

    /// <summary>True when a model is asked, which takes long and depends on no other check.</summary>
    public static bool AsksModel(string name) => name is ModelChecks.AgentTask or ModelChecks.ContradictionCheck;

    /// <summary>The check.</summary>
    /// <param name="spec">Its name and params.</param>
    /// <param name="path">Where it stands in the request, for what is wrong with it.</param>
    /// <exception cref="RejectedException">There is no such check, or its params are wrong.</exception>
    public AnswerCheck Read(ValidatorSpec spec, string path)
    {
        if (_checks.TryGetValue(spec.Type, out var read))
        {
            return read(new ParamReader(spec.Params, $"{path}.params"));
        }

        var name = DoorError.Quote(spec.Type);
        var reason = Refused.TryGetValue(spec.Type, out var why)
            ? $"the validator \"{name}\" is not available: {why}"
            : $"there is no validator \"{name}\"; there are: {string.Join(", ", _checks.Keys)}";
        throw new RejectedException(DoorError.BadRequest(reason, $"{path}.type", "unknown_validator"));
    }
}
