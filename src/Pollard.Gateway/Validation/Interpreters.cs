namespace Pollard.Gateway.Validation;

/// <summary>The programs of this machine that can read code: looked for each time, as they come and go.</summary>
/// <param name="searchPath">Folders as in <c>PATH</c>.</param>
internal sealed class Interpreters(string? searchPath)
{
    // It sets the bounds of the process that then becomes the interpreter.
    private const string ShellPath = "/bin/sh";

    /// <summary>Those of the gateway's own environment.</summary>
    public static Interpreters OfThisMachine { get; } = new(Environment.GetEnvironmentVariable("PATH"));

    /// <summary>The shell that sets the bounds; null where there is none.</summary>
    public static string? Shell => File.Exists(ShellPath) ? ShellPath : null;

    /// <summary>The file of a program; null when it is not here.</summary>
    public string? Find(string name)
    {
        foreach (var folder in (searchPath ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
        {
            var file = Path.Combine(folder, name);
            if (Path.IsPathRooted(folder) && File.Exists(file) && IsExecutable(file))
            {
                return file;
            }
        }

        return null;
    }

    private static bool IsExecutable(string file) =>
        OperatingSystem.IsWindows()
        || (
            File.GetUnixFileMode(file)
            & (UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute)
        ) != UnixFileMode.None;
}
