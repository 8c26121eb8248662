namespace Pollard.EndToEnd.Support;

/// <summary>The folder of the sources, which these tests were built in.</summary>
internal static class Sources
{
    public static string Root { get; } = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../../.."));

    public static string In(string path) => Path.Combine(Root, path);
}
