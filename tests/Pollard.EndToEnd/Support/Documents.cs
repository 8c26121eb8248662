namespace Pollard.EndToEnd.Support;

/// <summary>The documents of the project, and the commands in them.</summary>
internal static class Documents
{
    /// <summary>Those with a block of this kind, by their paths in the sources.</summary>
    public static TheoryData<string> With(Func<ShellBlock, bool> holds)
    {
        string[] all =
        [
            .. Directory.GetFiles(Sources.Root, "*.md"),
            .. Directory.GetFiles(Sources.In("docs"), "*.md", SearchOption.AllDirectories),
        ];
        return
        [
            .. all.Select(static path => Path.GetRelativePath(Sources.Root, path))
                .Where(document => BlocksOf(document).Any(holds)),
        ];
    }

    /// <summary>What of a document can be run.</summary>
    public static IReadOnlyList<ShellBlock> BlocksOf(string document) =>
        ShellBlock.Of(document, File.ReadAllText(Sources.In(document)));
}
