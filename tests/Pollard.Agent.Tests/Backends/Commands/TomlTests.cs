using Pollard.Agent.Backends.Commands;
using Tomlyn;
using Tomlyn.Model;

namespace Pollard.Agent.Tests.Backends.Commands;

/// <summary>What is written is read back as it was, by a reader of TOML that is not ours.</summary>
public sealed class TomlTests
{
    [Theory]
    [InlineData("")]
    [InlineData("plain")]
    [InlineData("a \"quoted\" and 'single' word")]
    [InlineData(@"C:\new\table")]
    [InlineData("two\r\nlines\tand a tab")]
    [InlineData("naïve 木 \U0001F333")]
    [InlineData("\u0001\b\f\u001b\u007f\u0085")]
    [InlineData("\"\"\"\n[mcp_servers.x]\ncommand = \"y\" # }")]
    public void A_text_comes_back_as_it_was(string text)
    {
        var file = Read($"value={Toml.Text(text)}");

        Assert.Equal(text, file["value"]);
    }

    [Fact]
    public void Tables_may_have_any_names_and_stay_in_one_line()
    {
        var written = Toml.Table([
            new("bare", Toml.List(["a", "b\"]"])),
            new("with.dot and \"space\"\n", Toml.Table([new("", Toml.Text("x"))])),
        ]);

        var table = (TomlTable)Read($"value={written}")["value"];
        Assert.DoesNotContain('\n', written);
        Assert.Equal(["a", "b\"]"], (TomlArray)table["bare"]);
        Assert.Equal("x", ((TomlTable)table["with.dot and \"space\"\n"])[""]);
    }

    private static TomlTable Read(string text) => TomlSerializer.Deserialize(text, TomlTables.Default.TomlTable)!;
}
