using System.Text.Json.Nodes;

namespace Pollard.Gateway.Tests.Andy;

/// <summary>How a client program of the Andy pool speaks: its differences from the others as data.</summary>
public sealed record Generation(string Name)
{
    /// <summary>What stands before its paths.</summary>
    public string Prefix { get; init; } = "/api/andy";

    /// <summary>Where it asks for work; null: it never does.</summary>
    public string? Ask { get; init; } = "check_for_work";

    /// <summary>What it says of time when it asks.</summary>
    public int? TimeoutSeconds { get; init; }

    /// <summary>True when it looks for work in <c>work_item</c>.</summary>
    public bool IsWrapped { get; init; }

    /// <summary>True when it names models as objects where it asks for work.</summary>
    public bool AsksWithObjects { get; init; }

    /// <summary>True when it says in its join that it can do several things at once, and does.</summary>
    public bool HasThreads { get; init; }

    /// <summary>True when it hands what it is given to OpenAI's library and not to Ollama.</summary>
    public bool CallsOpenAI { get; init; }

    /// <summary>True when it finds its own id by comparing the pool before its join and after.</summary>
    public bool FindsItsId { get; init; }

    /// <summary>What its join says.</summary>
    public required Func<string[], JsonObject> Join { get; init; }

    public override string ToString() => Name;

    /// <summary>All that poll, and the first that does not.</summary>
    public static IReadOnlyList<Generation> All { get; } =
    [
        new("0") { Ask = null, Join = static models => Flat(models, ("endpoint", "http://localhost:11434")) },
        new("1")
        {
            Join = static models =>
                Info(
                    ("models", Tags(models)),
                    ("max_clients", 2),
                    ("endpoint", "http://localhost:11434"),
                    ("capabilities", Words("text")),
                    ("vram_total_gb", 8.0)
                ),
        },
        new("1b")
        {
            Ask = "poll_for_work",
            TimeoutSeconds = 30,
            Join = static models => Flat(models, ("url", "http://192.168.1.5:11434"), ("name", "box")),
        },
        new("1c")
        {
            FindsItsId = true,
            Join = static models =>
                Info(
                    ("models", Tags(models)),
                    ("client_uuid", "505b7758-0000-4000-8000-000000000000"),
                    ("client_name", "web"),
                    ("max_clients", 1)
                ),
        },
        new("2")
        {
            Ask = "poll_for_work",
            TimeoutSeconds = 30,
            Join = static models =>
                Info(
                    ("url", "http://192.168.1.5:11434"),
                    ("name", "box"),
                    ("capabilities", Words("text", "embedding")),
                    ("models", Words(models))
                ),
        },
        new("3")
        {
            AsksWithObjects = true,
            HasThreads = true,
            Join = static models =>
                Info(("name", "box"), ("capabilities", Words("text", "embedding")), ("models", Tags(models))),
        },
        new("3b") { HasThreads = true, Join = Web },
        new("4")
        {
            Ask = "poll_for_work",
            TimeoutSeconds = 30,
            IsWrapped = true,
            HasThreads = true,
            Join = Web,
        },
        new("5")
        {
            Prefix = "/api",
            Ask = "poll_for_work",
            TimeoutSeconds = 30,
            IsWrapped = true,
            HasThreads = true,
            CallsOpenAI = true,
            Join = Web,
        },
    ];

    public static Generation Of(string name) => All.Single(generation => generation.Name == name);

    private static JsonObject Web(string[] models) =>
        Info(
            (
                "models",
                new JsonArray([
                    .. models.Select(name => new JsonObject
                    {
                        ["name"] = name,
                        ["enabled"] = true,
                        ["supports_embedding"] = true,
                        ["supports_vision"] = false,
                        ["max_concurrent"] = 2,
                        ["context_length"] = "8B", // As it was seen.
                        ["quantization"] = "Q4_K_M",
                    }),
                ])
            ),
            ("max_clients", 2 * models.Length),
            ("endpoint", "http://localhost:11434"),
            ("capabilities", Words("text")),
            ("vram_total_gb", 24),
            ("client_uuid", ""),
            ("client_name", "web")
        );

    private static JsonObject Flat(string[] models, params (string, JsonNode)[] others) =>
        With(new JsonObject { ["models"] = Words(models) }, others);

    private static JsonObject Info(params (string, JsonNode)[] members) => new() { ["info"] = With([], members) };

    private static JsonObject With(JsonObject target, (string Name, JsonNode Value)[] members)
    {
        foreach (var (name, value) in members)
        {
            target[name] = value;
        }

        return target;
    }

    private static JsonArray Words(params string[] words) => new([.. words.Select(word => (JsonNode)word!)]);

    private static JsonArray Tags(string[] models) =>
        new([
            .. models.Select(name => new JsonObject
            {
                ["name"] = name,
                ["model"] = name,
                ["size"] = 4_000_000_000,
                ["modified_at"] = "2025-07-01T10:00:00.123456789+02:00",
                ["details"] = new JsonObject { ["parameter_size"] = "8B", ["quantization_level"] = "Q4_K_M" },
            }),
        ]);
}
