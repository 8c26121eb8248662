using System.Text.Json;
using System.Text.Json.Nodes;
using Json.Schema;

namespace Pollard.Gateway.Tests.OpenApi;

/// <summary>The OpenAPI document as a gateway serves it.</summary>
internal sealed class ServedDocument(string text)
{
    private static readonly string[] Methods = ["get", "put", "post", "delete", "options", "head", "patch"];

    public string Text => text;

    public JsonElement Root { get; } = JsonElement.Parse(text);

    /// <summary>All operations: the path, the method, and what is said of them.</summary>
    public IEnumerable<(string Path, string Method, JsonElement Operation)> Operations =>
        from path in Root.GetProperty("paths").EnumerateObject()
        from member in path.Value.EnumerateObject()
        where Methods.Contains(member.Name, StringComparer.Ordinal)
        select (path.Name, member.Name, member.Value);

    public JsonElement Schema(string name) => Root.GetProperty("components").GetProperty("schemas").GetProperty(name);

    public static async Task<ServedDocument> ReadAsync(TestGateway gateway) =>
        new(await TestGateway.TextOf(gateway.GetAsync("/openapi.json")));

    /// <summary>Where an answer is not as one of the schemas says; members that the schemas do not have count as wrong.</summary>
    public string? Deviation(string schema, JsonElement answer)
    {
        var all = JsonNode.Parse(
            Root.GetProperty("components").GetProperty("schemas").GetRawText().Replace("components/schemas", "$defs")
        )!;
        Close(all);
        var whole = new JsonObject
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["$defs"] = all,
            ["$ref"] = $"#/$defs/{schema}",
        };
        var results = JsonSchema
            .FromText(whole.ToJsonString(), new BuildOptions { SchemaRegistry = new SchemaRegistry() })
            .Evaluate(answer, new EvaluationOptions { OutputFormat = OutputFormat.List });
        return results.IsValid
            ? null
            : string.Join(
                '\n',
                (results.Details ?? [])
                    .Where(static part => part.Errors is not null)
                    .Select(static part => $"{part.InstanceLocation}: {string.Join("; ", part.Errors!.Values)}")
            );
    }

    /// <summary>The same of the schema of an answer to a request.</summary>
    public string? Deviation(string path, string method, int status, JsonElement answer) =>
        Deviation(SchemaOf(Answer(path, method, status)), answer);

    private JsonElement Answer(string path, string method, int status)
    {
        var responses = Root.GetProperty("paths").GetProperty(path).GetProperty(method).GetProperty("responses");
        Assert.True(
            responses.TryGetProperty($"{status}", out var response),
            $"{method} {path} answered {status}, of which the document knows nothing"
        );
        return response.TryGetProperty("$ref", out var reference)
            ? Root.GetProperty("components").GetProperty("responses").GetProperty(reference.GetString()!.Split('/')[^1])
            : response;
    }

    private static string SchemaOf(JsonElement response)
    {
        foreach (var type in response.GetProperty("content").EnumerateObject())
        {
            if (
                type.Name.Contains("json", StringComparison.Ordinal)
                && type.Value.GetProperty("schema").TryGetProperty("$ref", out var reference)
            )
            {
                return reference.GetString()!.Split('/')[^1];
            }
        }

        throw new InvalidOperationException($"no schema with a name: {response}");
    }

    private static void Close(JsonNode schema)
    {
        foreach (var part in Children(schema))
        {
            Close(part);
        }

        if (
            schema is JsonObject shape
            && shape["properties"] is JsonObject
            && !shape.ContainsKey("additionalProperties")
        )
        {
            shape["additionalProperties"] = false;
        }
    }

    private static List<JsonNode> Children(JsonNode node) =>
        node switch
        {
            JsonObject it => [.. it.Select(static member => member.Value).OfType<JsonNode>()],
            JsonArray it => [.. it.OfType<JsonNode>()],
            _ => [],
        };
}
