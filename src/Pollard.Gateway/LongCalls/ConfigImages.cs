using System.Text.Json;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.LongCalls;

/// <summary>Images that a chat names by file: read from below the directory that the gateway's owner opened for it, and put into the request.</summary>
internal sealed class ConfigImages
{
    private const int DefaultMostKb = 500;
    private const int MostKb = 32 * 1024;
    private readonly string _directory;
    private readonly string _path;
    private readonly long _mostBytes;

    private ConfigImages(string directory, string path, long mostBytes)
    {
        _directory = directory;
        _path = path;
        _mostBytes = mostBytes;
    }

    /// <summary>The images that a config speaks of; null when it names no directory.</summary>
    /// <exception cref="RejectedException">It names one that is not open to clients.</exception>
    public static ConfigImages? Of(JsonElement config, string path, string? open)
    {
        var most = MostOf(config, path);
        if (LlmConfigReader.TextOf(config, path, "image_directory") is not { } wanted)
        {
            return null;
        }

        if (open is null)
        {
            throw LlmConfigReader.Bad(
                path,
                "image_directory",
                "is not supported here: the gateway's owner has opened none; send images as data: URLs, or ask for --image-directory"
            );
        }

        var directory = Path.GetFullPath(wanted, open);
        return IsBelow(directory, open) && Directory.Exists(directory)
            ? new ConfigImages(directory, path, most * 1024L)
            : throw LlmConfigReader.Bad(path, "image_directory", "is no directory that is open to clients");
    }

    /// <summary>Writes a message's content with every image that it names by file in its place.</summary>
    public void Write(Utf8JsonWriter json, JsonElement content)
    {
        if (content.ValueKind != JsonValueKind.Array)
        {
            content.WriteTo(json);
            return;
        }

        json.WriteStartArray();
        foreach (var part in content.EnumerateArray())
        {
            if (NameOf(part) is { } name)
            {
                WriteImage(json, name);
            }
            else
            {
                part.WriteTo(json);
            }
        }

        json.WriteEndArray();
    }

    private static string? NameOf(JsonElement part) =>
        part.ValueKind == JsonValueKind.Object
        && part.TryGetProperty("image_url", out var image)
        && (
            image.ValueKind == JsonValueKind.String ? image.GetString()
            : image.ValueKind == JsonValueKind.Object
            && image.TryGetProperty("url", out var url)
            && url.ValueKind == JsonValueKind.String
                ? url.GetString()
            : null
        )
            is { } name
        && !name.Contains("://", StringComparison.Ordinal)
        && !name.StartsWith("data:", StringComparison.Ordinal)
            ? name
            : null;

    private void WriteImage(Utf8JsonWriter json, string name)
    {
        var bytes = Read(name);
        json.WriteStartObject();
        json.WriteString("type"u8, "image_url"u8);
        json.WriteStartObject("image_url"u8);
        json.WriteString("url"u8, $"data:{TypeOf(name)};base64,{Convert.ToBase64String(bytes)}");
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private byte[] Read(string name)
    {
        var shown = DoorError.Quote(name);
        var file = new FileInfo(Path.GetFullPath(name, _directory));
        // A link may lead anywhere.
        if (!IsBelow(file.FullName, _directory) || !file.Exists || file.LinkTarget is not null)
        {
            throw LlmConfigReader.Bad(_path, "image_directory", $"has no image \"{shown}\"");
        }

        if (file.Length > _mostBytes)
        {
            throw LlmConfigReader.Bad(
                _path,
                "max_image_size_kb",
                $"is {_mostBytes / 1024}, and the image \"{shown}\" is larger; images are not made smaller here"
            );
        }

        try
        {
            return File.ReadAllBytes(file.FullName);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw LlmConfigReader.Bad(_path, "image_directory", $"has the image \"{shown}\", which cannot be read");
        }
    }

    private static string TypeOf(string name) =>
        Path.GetExtension(name).ToLowerInvariant() switch
        {
            ".jpg" or ".jpeg" => "image/jpeg",
            ".gif" => "image/gif",
            ".webp" => "image/webp",
            _ => "image/png",
        };

    private static bool IsBelow(string path, string directory)
    {
        var relative = Path.GetRelativePath(Path.GetFullPath(directory), path);
        return relative == "."
            || (!relative.StartsWith("..", StringComparison.Ordinal) && !Path.IsPathRooted(relative));
    }

    private static int MostOf(JsonElement config, string path)
    {
        if (!config.TryGetProperty("max_image_size_kb", out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return DefaultMostKb;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var kb) && kb is >= 1 and <= MostKb
            ? kb
            : throw LlmConfigReader.Bad(path, "max_image_size_kb", $"must be 1 to {MostKb}");
    }
}
