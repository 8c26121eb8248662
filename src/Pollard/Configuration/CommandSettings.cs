using System.Text;
using Pollard.Agent.Backends;

namespace Pollard.Configuration;

/// <summary>Which commands of this machine run work, and what they may.</summary>
internal static class CommandSettings
{
    /// <summary>The commands that the settings name; none when they name none.</summary>
    public static IReadOnlyList<CommandBackendOptions> Read(Settings settings)
    {
        List<CommandBackendOptions> commands = [];
        var servers = settings.Text(BackendSettings.McpConfig) is { } file ? ReadServers(file) : McpServers.None;
        if (settings.TextIfAny(BackendSettings.Claude, "claude") is { } claude)
        {
            var models = settings.Texts(BackendSettings.ClaudeModels);
            commands.Add(
                new ClaudeCodeOptions
                {
                    Program = claude,
                    Models = models.Count > 0 ? models : ClaudeCodeOptions.UsualModels,
                    Tools = settings.Texts(BackendSettings.ClaudeTools),
                    Warm = BackendSettings.ReadClaudeWarm(settings),
                    Servers = servers,
                }
            );
        }

        if (settings.TextIfAny(BackendSettings.Codex, "codex") is { } codex)
        {
            commands.Add(
                new CodexOptions
                {
                    Program = codex,
                    Models = settings.Texts(BackendSettings.CodexModels),
                    Sandbox = ReadSandbox(settings.Text(BackendSettings.CodexSandbox)),
                    Servers = servers,
                }
            );
        }

        commands.AddRange(settings.Lines(BackendSettings.Command).Select(ReadTemplate));
        var directory = settings.Text(BackendSettings.CommandDirectory) is { } path ? ReadDirectory(path) : null;
        var environment = settings.Texts(BackendSettings.CommandEnvironment);
        return [.. commands.Select(command => command with { Directory = directory, Environment = environment })];
    }

    private static string? ReadSandbox(string? mode) =>
        mode is null or "read-only" or "workspace-write" or "danger-full-access"
            ? mode
            : throw new UsageException(
                $"--codex-sandbox is \"{mode}\"; write read-only, workspace-write or danger-full-access."
            );

    private static McpServers ReadServers(string path)
    {
        try
        {
            return McpServers.Read(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new UsageException($"--mcp-config cannot be read: {e.Message}", e);
        }
    }

    private static string ReadDirectory(string path) =>
        Directory.Exists(path)
            ? Path.GetFullPath(path)
            : throw new UsageException($"--command-dir is \"{path}\", which is no directory.");

    private static TemplateOptions ReadTemplate(string text)
    {
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        var words = equals > 0 ? Words(text[(equals + 1)..]) : [];
        var name = equals > 0 ? text[..equals].Trim() : "";
        return words.Count > 0 && Protocol.HostLink.LinkLimits.IsModelName(name)
            ? new TemplateOptions { Name = name, Words = words }
            : throw new UsageException(
                $"--command is \"{text}\"; write a name and a program, such as summary=/usr/local/bin/summarize --short {{prompt_file}}."
            );
    }

    /// <summary>Cuts at spaces; what stands in quotation marks is one word. Nothing else has a meaning: this is no shell.</summary>
    private static List<string> Words(string text)
    {
        List<string> words = [];
        StringBuilder word = new();
        var (quote, isWord) = ('\0', false);
        foreach (var character in text)
        {
            if (quote != '\0' ? character == quote : character is '"' or '\'')
            {
                (quote, isWord) = (quote == '\0' ? character : '\0', true);
            }
            else if (quote == '\0' && char.IsWhiteSpace(character))
            {
                if (isWord)
                {
                    words.Add(word.ToString());
                    word.Clear();
                    isWord = false;
                }
            }
            else
            {
                word.Append(character);
                isWord = true;
            }
        }

        if (isWord)
        {
            words.Add(word.ToString());
        }

        return quote == '\0' ? words : [];
    }
}
