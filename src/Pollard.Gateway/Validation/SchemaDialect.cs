using System.Text.Json;
using System.Text.RegularExpressions;
using Json.Schema;
using Json.Schema.Keywords;
using Draft6 = Json.Schema.Keywords.Draft06;

namespace Pollard.Gateway.Validation;

/// <summary>
/// JSON Schema draft 7 with bounds. Schemas come from clients and values from models: as the library has it, a pattern can
/// backtrack for ever, and references to references can ask for more steps than there is time.
/// </summary>
internal static class SchemaDialect
{
    /// <summary>How long one pattern may look at one text, where it needs the engine that backtracks.</summary>
    private static readonly TimeSpan MatchTime = TimeSpan.FromSeconds(0.5);

    /// <summary>The keywords, with ours in place of the four that have no bounds.</summary>
    private static readonly Dialect Bounded = new([
        new BoundedRef(),
        new BoundedPattern(),
        new BoundedPatternProperties(),
        new BoundedAdditionalProperties(),
        new BoundedUniqueItems(),
        AllOfKeyword.Instance,
        AnyOfKeyword.Instance,
        OneOfKeyword.Instance,
        NotKeyword.Instance,
        IfKeyword.Instance,
        ThenKeyword.Instance,
        ElseKeyword.Instance,
        TypeKeyword.Instance,
        EnumKeyword.Instance,
        ConstKeyword.Instance,
        MinimumKeyword.Instance,
        MaximumKeyword.Instance,
        ExclusiveMinimumKeyword.Instance,
        ExclusiveMaximumKeyword.Instance,
        MultipleOfKeyword.Instance,
        MinLengthKeyword.Instance,
        MaxLengthKeyword.Instance,
        Draft6.ItemsKeyword.Instance,
        Draft6.AdditionalItemsKeyword.Instance,
        Draft6.ContainsKeyword.Instance,
        MinItemsKeyword.Instance,
        MaxItemsKeyword.Instance,
        PropertiesKeyword.Instance,
        PropertyNamesKeyword.Instance,
        RequiredKeyword.Instance,
        MinPropertiesKeyword.Instance,
        MaxPropertiesKeyword.Instance,
        Draft6.DependenciesKeyword.Instance,
        Draft6.DefinitionsKeyword.Instance,
        Draft6.IdKeyword.Instance,
    ])
    {
        Id = MetaSchemas.Draft7Id,
        RefIgnoresSiblingKeywords = true,
        AllowUnknownKeywords = true, // Annotations, "format" among them: as most validators of draft 7, this does not judge by it.
    };

    /// <summary>How schemas are built: with these keywords, and no schema of anybody else's at hand.</summary>
    public static BuildOptions Options()
    {
        var dialects = new DialectRegistry();
        dialects.Register(Bounded);
        return new()
        {
            SchemaRegistry = new SchemaRegistry { Fetch = static (_, _) => null },
            Dialect = Bounded,
            DialectRegistry = dialects,
        };
    }

    /// <summary>True when all references lead somewhere. The library finds the others only when a value comes to them.</summary>
    public static bool AllLead(JsonSchemaNode root)
    {
        var seen = new HashSet<JsonSchemaNode>(ReferenceEqualityComparer.Instance);
        var next = new Stack<JsonSchemaNode>([root]);
        while (next.TryPop(out var node))
        {
            foreach (var keyword in seen.Add(node) ? node.Keywords : [])
            {
                if (keyword.Handler is BoundedRef && keyword.Subschemas is not { Length: > 0 })
                {
                    return false;
                }

                foreach (var within in keyword.Subschemas ?? [])
                {
                    next.Push(within);
                }
            }
        }

        return true;
    }

    private static Regex Compile(string? pattern)
    {
        try
        {
            return new Regex(pattern!, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant, MatchTime);
        }
        catch (NotSupportedException)
        {
            return new Regex(pattern!, RegexOptions.CultureInvariant, MatchTime);
        }
    }

    private sealed class BoundedPattern : PatternKeyword
    {
        public override object? ValidateKeywordValue(JsonElement value)
        {
            base.ValidateKeywordValue(value);
            return Compile(value.GetString());
        }

        public override KeywordEvaluation Evaluate(KeywordData keyword, EvaluationContext context)
        {
            SchemaBudget.Match((Regex)keyword.Value!, context.Instance.ValueKind == JsonValueKind.String ? 1 : 0);
            return base.Evaluate(keyword, context);
        }
    }

    private sealed class BoundedPatternProperties : PatternPropertiesKeyword
    {
        public override object? ValidateKeywordValue(JsonElement value)
        {
            base.ValidateKeywordValue(value);
            return value
                .EnumerateObject()
                .ToDictionary(member => member.Name, member => Compile(member.Name), StringComparer.Ordinal);
        }

        public override KeywordEvaluation Evaluate(KeywordData keyword, EvaluationContext context)
        {
            var names = context.Instance.ValueKind == JsonValueKind.Object ? context.Instance.GetPropertyCount() : 0;
            foreach (var pattern in ((Dictionary<string, Regex>)keyword.Value!).Values)
            {
                SchemaBudget.Match(pattern, names);
            }

            return base.Evaluate(keyword, context);
        }
    }

    private sealed class BoundedRef : RefKeyword
    {
        public override KeywordEvaluation Evaluate(KeywordData keyword, EvaluationContext context)
        {
            SchemaBudget.Spend();
            return base.Evaluate(keyword, context);
        }
    }

    private sealed class BoundedUniqueItems : UniqueItemsKeyword
    {
        public override KeywordEvaluation Evaluate(KeywordData keyword, EvaluationContext context)
        {
            if (context.Instance.ValueKind == JsonValueKind.Array)
            {
                SchemaBudget.CompareAll(context.Instance.GetArrayLength());
            }

            return base.Evaluate(keyword, context);
        }
    }

    /// <summary>As the library's, whose patterns of <c>patternProperties</c> are its own.</summary>
    private sealed class BoundedAdditionalProperties : IKeywordHandler
    {
        private sealed record Known(HashSet<string> Names, Regex[] Patterns);

        public string Name => "additionalProperties";

        public object? ValidateKeywordValue(JsonElement value) =>
            AdditionalPropertiesKeyword.Instance.ValidateKeywordValue(value);

        public void BuildSubschemas(KeywordData keyword, BuildContext context)
        {
            AdditionalPropertiesKeyword.Instance.BuildSubschemas(keyword, context);
            keyword.Value = new Known(
                [.. NamesIn(context.LocalSchema, "properties")],
                [.. NamesIn(context.LocalSchema, "patternProperties").Select(Compile)]
            );
        }

        public KeywordEvaluation Evaluate(KeywordData keyword, EvaluationContext context)
        {
            if (context.Instance.ValueKind != JsonValueKind.Object)
            {
                return KeywordEvaluation.Ignore;
            }

            var known = (Known)keyword.Value!;
            foreach (var pattern in known.Patterns)
            {
                SchemaBudget.Match(pattern, context.Instance.GetPropertyCount());
            }

            List<EvaluationResults> results = [];
            foreach (var member in context.Instance.EnumerateObject())
            {
                if (known.Names.Contains(member.Name) || known.Patterns.Any(pattern => pattern.IsMatch(member.Name)))
                {
                    continue;
                }

                var within = context with
                {
                    Instance = member.Value,
                    InstanceLocation = context.InstanceLocation.Combine(member.Name),
                    EvaluationPath = context.EvaluationPath.Combine(Name),
                };
                results.Add(keyword.Subschemas[0].Evaluate(within));
            }

            return new()
            {
                Keyword = Name,
                IsValid = results.TrueForAll(result => result.IsValid),
                Details = [.. results],
            };
        }

        private static IEnumerable<string> NamesIn(JsonElement schema, string keyword) =>
            schema.TryGetProperty(keyword, out var members) && members.ValueKind == JsonValueKind.Object
                ? members.EnumerateObject().Select(member => member.Name)
                : [];
    }
}
