using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Pollard.Tests.Support;

namespace Pollard.Tests;

/// <summary>What the dashboard's files must never have, so that content stays text and nothing comes from elsewhere.</summary>
public sealed partial class DashboardFilesTests
{
    private const int LongestFile = 400;
    private const string Assets = "src/Pollard.Gateway/Dashboard/assets";

    // Of the packages as npm has them; vendor/README.md says which.
    private static readonly Dictionary<string, string> Vendored = new(StringComparer.Ordinal)
    {
        ["htm.js"] = "ab33dd3f38059b9be4d5f5350128eefb2356639c4e0bbe9d9e8b3ba75847e9e4",
        ["preact.js"] = "bdcbd9abdf2c77c5c45326eab42191e949222d479d0d5f69467387a77040cb55",
    };

    // Ways by which text becomes markup or code, and addresses of elsewhere.
    [GeneratedRegex(
        """innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|DOMParser|srcdoc|createContextualFragment|\beval\(|new Function|setAttribute\(|javascript:|https?://""",
        RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture
    )]
    private static partial Regex Forbidden { get; }

    [GeneratedRegex(
        """\s(style|on[a-z]+)=|<script>|<style""",
        RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture
    )]
    private static partial Regex Inline { get; }

    [GeneratedRegex("""from\s+"(?<file>\.[^"]+)" ?""", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Import { get; }

    [GeneratedRegex(
        """rel="modulepreload" href="/dashboard/(?<file>[^"]+)" ?""",
        RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture
    )]
    private static partial Regex Preload { get; }

    [Fact]
    public void Text_has_no_way_to_become_markup_or_code_and_nothing_is_loaded_from_elsewhere()
    {
        var files = Files("*.*").Where(static file => !file.EndsWith(".svg", StringComparison.Ordinal)).ToList(); // Which name their format by an address.

        Assert.True(files.Count > 20, "The dashboard's files have moved.");
        Assert.All(files, static file => Assert.DoesNotMatch(Forbidden, File.ReadAllText(file)));
    }

    [Fact]
    public void The_page_has_no_inline_script_or_style()
    {
        var page = Assert.Single(Files("*.html"));

        Assert.DoesNotMatch(Inline, File.ReadAllText(page));
    }

    [Fact]
    public void The_page_names_all_that_its_first_view_imports_and_nothing_else()
    {
        var imported = new SortedSet<string>(StringComparer.Ordinal);
        Walk("app.js");
        Walk("pages/now.js");
        imported.Remove("app.js");

        var named = Preload
            .Matches(File.ReadAllText(Repository.In($"{Assets}/index.html")))
            .Select(static match => match.Groups["file"].Value);

        Assert.Equal(imported, named);

        void Walk(string file)
        {
            if (imported.Add(file))
            {
                foreach (Match import in Import.Matches(File.ReadAllText(Repository.In($"{Assets}/{file}"))))
                {
                    var path = new Uri(new Uri($"http://assets/{file}"), import.Groups["file"].Value).AbsolutePath;
                    Walk(path.TrimStart('/'));
                }
            }
        }
    }

    [Fact]
    public void No_file_is_longer_than_one_can_read()
    {
        Assert.All(Files("*.*"), static file => Assert.InRange(File.ReadLines(file).Count(), 1, LongestFile));
    }

    [Fact]
    public void What_is_not_ours_is_as_its_package_has_it()
    {
        var vendored = Directory
            .EnumerateFiles(Repository.In($"{Assets}/vendor"), "*.js")
            .ToDictionary(
                static file => Path.GetFileName(file),
                static file => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file))),
                StringComparer.Ordinal
            );

        Assert.Equal(Vendored, vendored);
    }

    private static IEnumerable<string> Files(string pattern) =>
        Directory
            .EnumerateFiles(Repository.In(Assets), pattern, SearchOption.AllDirectories)
            .Where(static file => !file.Contains("/vendor/", StringComparison.Ordinal));
}
