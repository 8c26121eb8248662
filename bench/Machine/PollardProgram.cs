namespace Pollard.Bench.Machine;

/// <summary>The program under measurement.</summary>
internal static class PollardProgram
{
    /// <summary>The project's folder.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The program's file: the published build where there is one, else the one that was built with this benchmark.</summary>
    public static string File { get; set; } = Find();

    /// <summary>Whether that is the published one.</summary>
    public static bool IsPublished => File.EndsWith("publish/pollard", StringComparison.Ordinal);

    private static string Find()
    {
        var published = Path.Combine(Root, "artifacts", "publish", "pollard");
        return System.IO.File.Exists(published)
            ? published
            : Path.Combine(Root, "artifacts", "bin", "Pollard", "release", "pollard");
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (System.IO.File.Exists(Path.Combine(folder.FullName, "Pollard.slnx")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException("The benchmark does not lie in Pollard's folder.");
    }
}
