using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Routing;
using Microsoft.OpenApi;
using Pollard.Gateway.Http;
using Pollard.Gateway.Observability;
using Pollard.Protocol;

namespace Pollard.Gateway.Tests.OpenApi;

/// <summary>The OpenAPI document is one, and says neither more nor less than what is served.</summary>
public sealed partial class DocumentTests : IDisposable
{
    private static readonly string[] Foreign = ["OpenAIError", "OllamaError", "DetailError", "TaskServerError"];
    private readonly Telemetry _telemetry = Telemetry.Start(new TelemetryOptions("a-test", "1.2.3"));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>The shapes of our own API, and what the code has for each.</summary>
    public static TheoryData<string, string> Shapes =>
        new()
        {
            { "SubmitTask", nameof(ProtocolJson.SubmitTask) },
            { "SubmitBatch", nameof(ProtocolJson.SubmitBatch) },
            { "TaskRequirements", nameof(ProtocolJson.TaskRequirements) },
            { "Input", nameof(ProtocolJson.InputRequest) },
            { "BatchReply", nameof(ProtocolJson.BatchReply) },
            { "BatchItem", nameof(ProtocolJson.BatchItem) },
            { "Task", nameof(ProtocolJson.TaskDocument) },
            { "TaskProgress", nameof(ProtocolJson.TaskProgress) },
            { "TaskPage", nameof(ProtocolJson.TaskPage) },
            { "TaskEvent", nameof(ProtocolJson.TaskEventDocument) },
            { "EventPage", nameof(ProtocolJson.EventPage) },
            { "Problem", nameof(ProtocolJson.Problem) },
            { "Why", nameof(ProtocolJson.WhyDocument) },
            { "WhyHost", nameof(ProtocolJson.WhyHost) },
            { "ModelInfo", nameof(ProtocolJson.ModelInfo) },
            { "Host", nameof(ProtocolJson.HostDocument) },
            { "MeasuredRate", nameof(ProtocolJson.MeasuredRate) },
            { "HostReliability", nameof(ProtocolJson.HostReliability) },
            { "HostVisit", nameof(ProtocolJson.HostVisit) },
            { "HostList", nameof(ProtocolJson.HostList) },
            { "HostAudits", nameof(ProtocolJson.HostAudits) },
            { "AuditEvidence", nameof(ProtocolJson.AuditEvidence) },
            { "CreateKey", nameof(ProtocolJson.CreateKey) },
            { "Key", nameof(ProtocolJson.KeyDocument) },
            { "ChangeKey", nameof(ProtocolJson.ChangeKey) },
            { "KeyUse", nameof(ProtocolJson.KeyUse) },
            { "SignIn", nameof(ProtocolJson.SignIn) },
            { "Session", nameof(ProtocolJson.SessionDocument) },
            { "KeyList", nameof(ProtocolJson.KeyList) },
            { "CreateToken", nameof(ProtocolJson.CreateToken) },
            { "Token", nameof(ProtocolJson.TokenDocument) },
            { "TokenList", nameof(ProtocolJson.TokenList) },
        };

    public void Dispose() => _telemetry.Dispose();

    [Fact]
    public async Task It_is_an_OpenAPI_document()
    {
        await using var gateway = await StartAsync();
        await using var served = await gateway.Client.GetStreamAsync("/openapi.json", Token);

        var (document, diagnostic) = await OpenApiDocument.LoadAsync(served, "json", cancellationToken: Token);

        Assert.Empty(diagnostic!.Errors);
        Assert.Empty(diagnostic.Warnings);
        Assert.Equal(OpenApiSpecVersion.OpenApi3_1, diagnostic.SpecificationVersion);
        Assert.NotEmpty(document!.Paths);
        var ids = document
            .Paths.Values.SelectMany(static path => path.Operations!.Values)
            .Select(static it => it.OperationId!);
        Assert.All(ids.CountBy(static id => id, StringComparer.Ordinal), static id => Assert.Equal(1, id.Value));
    }

    [Fact]
    public async Task Each_route_is_in_it_and_no_other()
    {
        await using var gateway = await StartAsync();
        var document = await ServedDocument.ReadAsync(gateway);

        var served = Served(gateway)
            .Where(static it => it.Method is not null)
            .Select(static it => $"{it.Method} {it.Path}");
        var written = document
            .Operations.Where(it => !TakesAny(document, it.Path))
            .Select(it => $"{it.Method} {it.Path}");
        Assert.Equal(served.Distinct().Order(StringComparer.Ordinal), written.Order(StringComparer.Ordinal));
        var servedAny = Served(gateway).Where(static it => it.Method is null).Select(static it => it.Path);
        var writtenAny = document
            .Operations.Select(static it => it.Path)
            .Distinct()
            .Where(it => TakesAny(document, it));
        Assert.Equal(servedAny.Order(StringComparer.Ordinal), writtenAny.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task It_says_where_a_key_is_needed()
    {
        await using var gateway = await StartAsync();
        var document = await ServedDocument.ReadAsync(gateway);
        var open = Served(gateway).Where(static it => it.IsOpen).Select(static it => it.Path).ToHashSet();

        Assert.All(
            document.Operations,
            it =>
                Assert.True(
                    open.Contains(it.Path) == it.Operation.TryGetProperty("security", out _),
                    $"{it.Method} {it.Path} is {(open.Contains(it.Path) ? "open" : "not open")}"
                )
        );
    }

    [Fact]
    public async Task Parameters_of_a_path_are_those_that_it_names()
    {
        await using var gateway = await StartAsync();
        var document = await ServedDocument.ReadAsync(gateway);
        var shared = document.Root.GetProperty("components").GetProperty("parameters");

        foreach (var (path, method, operation) in document.Operations)
        {
            var named = Regex
                .Matches(path, "{(?<name>[a-z]+)}", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1))
                .Select(static match => match.Groups["name"].Value);
            JsonElement[] parameters = operation.TryGetProperty("parameters", out var list)
                ? [.. list.EnumerateArray().Select(it => Resolve(it, shared))]
                : [];
            var written = parameters
                .Where(static it => it.GetProperty("in").GetString() == "path")
                .Select(static it => it.GetProperty("name").GetString()!);
            Assert.True(named.Order().SequenceEqual(written.Order()), $"{method} {path}");
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public async Task Shapes_have_the_members_that_the_code_has(string schema, string shape)
    {
        await using var gateway = await StartAsync();
        var document = await ServedDocument.ReadAsync(gateway);
        var info = (JsonTypeInfo)typeof(ProtocolJson).GetProperty(shape)!.GetValue(ProtocolJson.Default)!;

        var written = document.Schema(schema).GetProperty("properties").EnumerateObject().Select(static it => it.Name);
        Assert.Equal(info.Properties.Select(static it => it.Name).Order(), written.Order());
        var required = document.Schema(schema).TryGetProperty("required", out var names)
            ? names.EnumerateArray().Select(static it => it.GetString()!)
            : [];
        Assert.Superset(
            info.Properties.Where(static it => it.IsRequired).Select(it => it.Name).ToHashSet(),
            required.ToHashSet()
        );
    }

    [Fact]
    public async Task It_has_a_tag_that_saves_reading_it_again()
    {
        await using var gateway = await StartAsync();
        using var first = await gateway.GetAsync("/openapi.json");
        var tag = first.Headers.ETag!;

        using var again = await gateway.GetAsync("/openapi.json", ("If-None-Match", tag.Tag));
        using var other = await gateway.GetAsync("/openapi.json", ("If-None-Match", "\"another\""));
        using var head = await gateway.Client.SendAsync(
            new HttpRequestMessage(HttpMethod.Head, "/openapi.json"),
            Token
        );

        Assert.False(tag.IsWeak);
        Assert.Equal(HttpStatusCode.NotModified, again.StatusCode);
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
        Assert.Equal(first.Content.Headers.ContentLength, head.Content.Headers.ContentLength);
        Assert.Equal(new MediaTypeHeaderValue("application/json"), first.Content.Headers.ContentType);
    }

    [Fact]
    public async Task It_is_read_without_a_key()
    {
        await using var gateway = await TestGateway.StartAsync(static options => options with { RequireKeys = true });
        using var stranger = gateway.NewClient(null);

        using var answer = await stranger.GetAsync("/openapi.json", Token);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task Each_status_of_an_error_has_the_shape_of_its_door()
    {
        await using var gateway = await StartAsync();
        var document = await ServedDocument.ReadAsync(gateway);

        foreach (var (path, method, operation) in document.Operations)
        {
            var errors = operation
                .GetProperty("responses")
                .EnumerateObject()
                .Where(static it => it.Name[0] is '4' or '5' && it.Value.TryGetProperty("$ref", out _))
                .Select(static it => it.Value.GetProperty("$ref").GetString()!.Split('/')[^1])
                .Where(static name => name != "DetailError") // A client of an older server at another door.
                .Distinct()
                .ToList();
            Assert.True(errors.Count <= 1, $"{method} {path}: {string.Join(", ", errors)}");
        }

        Assert.All(
            Foreign,
            name => Assert.Contains($"#/components/responses/{name}", document.Text, StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task Codes_of_errors_are_those_of_the_page_on_errors()
    {
        await using var gateway = await StartAsync();
        var document = await ServedDocument.ReadAsync(gateway);

        var written =
            from status in document.Root.GetProperty("x-error-codes").EnumerateObject()
            from code in status.Value.EnumerateArray()
            select $"{status.Name} {code.GetString()}";

        Assert.Equal(ErrorsPage.Codes.Order(StringComparer.Ordinal), written.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Codes_that_the_gateway_answers_with_are_on_the_page_on_errors()
    {
        var made = ErrorsPage.CodesInSources().ToHashSet(StringComparer.Ordinal);

        Assert.True(made.Count > 40, $"only {made.Count} codes were found");
        Assert.Empty(made.Except(ErrorsPage.Codes, StringComparer.Ordinal));
    }

    private Task<TestGateway> StartAsync() => TestGateway.StartAsync(telemetry: _telemetry);

    private static IEnumerable<(string Path, string? Method, bool IsOpen)> Served(TestGateway gateway) =>
        from endpoint in gateway.Server.Endpoints.OfType<RouteEndpoint>()
        let open = endpoint.Metadata.GetMetadata<OpenToAll>() is not null
        let methods = endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? []
        from method in methods.Count == 0 ? [null] : methods.Select(static string? (it) => it.ToLowerInvariant())
        select (Template(endpoint.RoutePattern.RawText!), method, open);

    // "{**id}" and "{id:length(17)}" are "{id}" in the document's way of writing.
    private static string Template(string route) => Constraint().Replace(route, "{${name}}");

    private static bool TakesAny(ServedDocument document, string path) =>
        document.Root.GetProperty("paths").GetProperty(path).TryGetProperty("x-any-method", out _);

    private static JsonElement Resolve(JsonElement parameter, JsonElement shared) =>
        parameter.TryGetProperty("$ref", out var reference)
            ? shared.GetProperty(reference.GetString()!.Split('/')[^1])
            : parameter;

    [GeneratedRegex(@"\{\**(?<name>[a-z]+)(:[^}]*)?\}", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Constraint();
}
