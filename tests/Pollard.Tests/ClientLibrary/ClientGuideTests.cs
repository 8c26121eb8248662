using System.Text.RegularExpressions;
using Pollard.Tests.Support;

namespace Pollard.Tests.ClientLibrary;

/// <summary>The C# of the client's guide stands in the sample, which is built with everything else.</summary>
public sealed partial class ClientGuideTests
{
    private static readonly Lazy<string> Sample = new(() =>
        string.Join(
            '\n',
            Directory.GetFiles(Repository.In("samples/LongCall"), "*.cs").Select(path => Bare(File.ReadAllText(path)))
        )
    );

    public static TheoryData<string> Blocks() =>
        [
            .. new[] { "docs/client.md", "src/Pollard.Client/README.md" }
                .SelectMany(path => Fence.Matches(File.ReadAllText(Repository.In(path))))
                .Select(match => match.Groups["body"].Value),
        ];

    [Theory]
    [MemberData(nameof(Blocks))]
    public void A_block_is_a_piece_of_the_sample(string block)
    {
        var lines = Bare(block)
            .Split('\n')
            .SkipWhile(line => line.StartsWith("using Pollard", StringComparison.Ordinal));

        Assert.Contains(string.Join('\n', lines), Sample.Value, StringComparison.Ordinal);
    }

    // Without what the place of a line makes of it: how far it is indented, and the empty ones.
    private static string Bare(string code) =>
        string.Join('\n', code.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0));

    [GeneratedRegex(
        @"^```csharp\n(?<body>.*?)^```",
        RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Fence { get; }
}
