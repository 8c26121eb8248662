namespace Pollard.Configuration;

/// <summary>The one directory where everything lies that must be there after a restart.</summary>
internal static class DataDirectory
{
    /// <summary>The user's local share, as the XDG base directories say.</summary>
    public static string Default(Func<string, string?> environment)
    {
        if (environment("XDG_DATA_HOME") is { Length: > 0 } share && Path.IsPathRooted(share))
        {
            return Path.Combine(share, "pollard");
        }

        if (!OperatingSystem.IsWindows() && environment("HOME") is { Length: > 0 } home)
        {
            return Path.Combine(home, ".local", "share", "pollard");
        }

        var folder = Environment.SpecialFolder.LocalApplicationData;
        var option = Environment.SpecialFolderOption.DoNotVerify;
        return Path.Combine(Environment.GetFolderPath(folder, option), "pollard");
    }

    /// <summary>Makes the directory, for its owner only: keys and prompts lie there.</summary>
    public static void Create(string path) =>
        Create(path, $"The data directory {path} cannot be made", "Name another one with --data or POLLARD_DATA.");

    /// <summary>Makes the directory that an option names, for its owner only.</summary>
    /// <exception cref="CommandFailedException">It cannot be made.</exception>
    public static void Create(string path, string option) =>
        Create(path, $"{option} is {path}, which cannot be made", "Name another directory.");

    private static void Create(string path, string trouble, string advice)
    {
        try
        {
            if (OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(path);
                return;
            }

            const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
            Directory.CreateDirectory(path, OwnerOnly);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"{trouble}: {e.Message} {advice}", e);
        }
    }
}
