using System.Text.Json;

namespace Pollard.Configuration;

/// <summary>The file <c>pollard.json</c>: one flat object, whose members are the options with <c>_</c> instead of <c>-</c>.</summary>
internal sealed class ConfigFile
{
    public const string Name = "pollard.json";

    private readonly Dictionary<string, string[]> _values;

    private ConfigFile(string? path, Dictionary<string, string[]> values)
    {
        FilePath = path;
        _values = values;
    }

    /// <summary>Where it was read; null when there is none.</summary>
    public string? FilePath { get; }

    /// <summary>Reads the file.</summary>
    /// <param name="path">Where it lies.</param>
    /// <param name="mustExist">True when somebody named it: its absence is an error then.</param>
    /// <param name="isOption">Tells the members that mean something; any other is an error, for it is most likely mistyped.</param>
    public static ConfigFile Read(string path, bool mustExist, Func<string, bool> isOption)
    {
        byte[] json;
        try
        {
            json = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return mustExist
                ? throw new UsageException($"The configuration file {path} does not exist.", e)
                : new ConfigFile(null, []);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"The configuration file {path} cannot be read: {e.Message}", e);
        }

        return new ConfigFile(path, Parse(path, json, isOption));
    }

    /// <summary>The values of an option; null when the file says nothing about it.</summary>
    public string[]? Find(string option) => _values.GetValueOrDefault(Member(option));

    private static Dictionary<string, string[]> Parse(string path, byte[] json, Func<string, bool> isOption)
    {
        var reading = new JsonDocumentOptions
        {
            CommentHandling = JsonCommentHandling.Skip,
            AllowTrailingCommas = true,
        };
        try
        {
            using var document = JsonDocument.Parse(json, reading);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new UsageException($"{path} must hold one JSON object.");
            }

            var values = new Dictionary<string, string[]>(StringComparer.Ordinal);
            foreach (var member in document.RootElement.EnumerateObject())
            {
                if (!isOption(member.Name.Replace('_', '-')))
                {
                    throw new UsageException(
                        $"{path} has \"{member.Name}\", which is no option. The options are those of the commands, with _ instead of -."
                    );
                }

                values[member.Name] = Values(path, member);
            }

            return values;
        }
        catch (JsonException e)
        {
            throw new UsageException($"{path} is not JSON (line {e.LineNumber + 1}): {e.Message}", e);
        }
    }

    private static string[] Values(string path, JsonProperty member) =>
        member.Value.ValueKind == JsonValueKind.Array
            ? [.. member.Value.EnumerateArray().Select(item => Text(path, member.Name, item))]
            : [Text(path, member.Name, member.Value)];

    private static string Text(string path, string name, JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.String => value.GetString()!,
            JsonValueKind.Number => value.GetRawText(),
            JsonValueKind.True => "true",
            JsonValueKind.False => "false",
            _ => throw new UsageException(
                $"{path} has a value for \"{name}\" that is neither text, number, true, false, nor a list of these."
            ),
        };

    private static string Member(string option) => option.Replace('-', '_');
}
