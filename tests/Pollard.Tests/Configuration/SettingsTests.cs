using System.CommandLine;
using Pollard.Configuration;

namespace Pollard.Tests.Configuration;

public sealed class SettingsTests : IDisposable
{
    private static readonly Option<string?> Slots = CommonOptions.Text("--slots", "N", "A number");
    private static readonly Option<string?> Limit = CommonOptions.CallText("--limit", "N", "For one call");
    private static readonly Option<string[]> OpenAi = CommonOptions.Texts("--openai", "URL", "Several");
    private static readonly Option<bool> Loud = CommonOptions.Switch("--loud", "A switch");
    private static readonly Option<string?> UpstreamKeyFile = CommonOptions.Text(
        "--upstream-key-file",
        "FILE",
        "A secret"
    );

    private readonly string _data = Directory.CreateTempSubdirectory("pollard-tests").FullName;
    private readonly Dictionary<string, string> _variables = new(StringComparer.Ordinal);

    public void Dispose() => Directory.Delete(_data, recursive: true);

    [Fact]
    public void A_flag_beats_the_environment_which_beats_the_file_which_beats_nothing()
    {
        Assert.Null(Read().Number(Slots, 1, 10));

        WriteFile("""{ "slots": 1 }""");
        Assert.Equal(1, Read().Number(Slots, 1, 10));

        _variables["POLLARD_SLOTS"] = "2";
        Assert.Equal(2, Read().Number(Slots, 1, 10));

        Assert.Equal(3, Read("--slots", "3").Number(Slots, 1, 10));
    }

    [Fact]
    public void What_is_set_is_described_with_who_set_it_and_without_secrets()
    {
        WriteFile("""{ "loud": true }""");
        _variables["POLLARD_UPSTREAM_KEY"] = "sk-secret";
        _variables["POLLARD_OPENAI"] = "http://ada:secret@a";

        var described = Read("--limit", "5").Describe().ToDictionary(setting => setting.Name, StringComparer.Ordinal);

        Assert.Equal(("flag", "5"), (described["--limit"].Source, described["--limit"].Value));
        Assert.Null(described["--limit"].Member);
        Assert.Equal(("file", "true"), (described["--loud"].Source, described["--loud"].Value));
        Assert.Equal(
            ("environment", "(set)"),
            (described["--upstream-key-file"].Source, described["--upstream-key-file"].Value)
        );
        Assert.Equal("http://(set)@a", described["--openai"].Value);
        Assert.Equal(("default", null), (described["--slots"].Source, described["--slots"].Value));
        Assert.Equal("POLLARD_SLOTS", described["--slots"].Variable);
    }

    [Fact]
    public void A_default_is_described_as_the_help_says_it()
    {
        var data = Read().Describe().Single(setting => setting.Name == "--data");

        Assert.Equal("The data directory", data.About);
    }

    [Fact]
    public void Switches_and_lists_follow_the_same_rule()
    {
        WriteFile("""{ "loud": true, "openai": ["http://a", "http://b"] }""");
        Assert.True(Read().IsOn(Loud));
        Assert.Equal(["http://a", "http://b"], Read().Texts(OpenAi));

        _variables["POLLARD_LOUD"] = "0";
        _variables["POLLARD_OPENAI"] = "http://c, http://d";
        Assert.False(Read().IsOn(Loud));
        Assert.Equal(["http://c", "http://d"], Read().Texts(OpenAi));

        Assert.True(Read("--loud").IsOn(Loud));
        Assert.Equal(["http://e", "http://f"], Read("--openai", "http://e", "--openai", "http://f").Texts(OpenAi));
    }

    [Theory]
    [InlineData("2%", 0.02)]
    [InlineData("0", 0.0)]
    [InlineData("100%", 1.0)]
    [InlineData("0.5%", 0.005)]
    [InlineData("2", null)]
    [InlineData("101%", null)]
    [InlineData("-1%", null)]
    [InlineData("%", null)]
    public void A_share_is_written_in_per_cent(string text, double? expected)
    {
        _variables["POLLARD_SLOTS"] = text;

        if (expected is { } share)
        {
            Assert.Equal(share, Read().Share(Slots));
        }
        else
        {
            var wrong = Assert.Throws<UsageException>(() => Read().Share(Slots));
            Assert.Contains("0% to 100%", wrong.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void An_option_of_one_call_comes_from_its_flag_alone()
    {
        _variables["POLLARD_LIMIT"] = "5";

        Assert.Null(Read().Text(Limit));
        Assert.Equal("7", Read("--limit", "7").Text(Limit));

        WriteFile("""{ "limit": 5 }""");
        Assert.Throws<UsageException>(() => Read());
    }

    [Fact]
    public void A_mistyped_member_of_the_file_is_named()
    {
        WriteFile("""{ "slotz": 1 }""");

        var wrong = Assert.Throws<UsageException>(() => Read());

        Assert.Contains("\"slotz\"", wrong.Message, StringComparison.Ordinal);
        Assert.Contains("pollard.json", wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_json_is_named_with_its_line()
    {
        WriteFile("{\n  \"slots\": ,\n}");

        var wrong = Assert.Throws<UsageException>(() => Read());

        Assert.Contains("line 2", wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_file_may_hold_comments()
    {
        WriteFile(
            """
            {
              // As many as the card can hold.
              "slots": 4,
            }
            """
        );

        Assert.Equal(4, Read().Number(Slots, 1, 10));
    }

    [Fact]
    public void A_file_that_was_named_must_exist()
    {
        Assert.Throws<UsageException>(() => Read("--config", Path.Combine(_data, "other.json")));
    }

    [Theory]
    [InlineData("many")]
    [InlineData("0")]
    [InlineData("11")]
    [InlineData("1.5")]
    public void A_wrong_value_is_named_with_where_it_came_from(string value)
    {
        _variables["POLLARD_SLOTS"] = value;

        var wrong = Assert.Throws<UsageException>(() => Read().Number(Slots, 1, 10));

        Assert.Contains($"POLLARD_SLOTS is \"{value}\"", wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_secret_comes_from_a_file_or_the_environment_but_never_from_a_flag()
    {
        var file = Path.Combine(_data, "key");
        File.WriteAllText(file, "from file\n");

        Assert.Null(Read().Secret(UpstreamKeyFile));

        WriteFile("""{ "upstream_key": "from configuration" }""");
        Assert.Equal("from configuration", Read().Secret(UpstreamKeyFile));

        _variables["POLLARD_UPSTREAM_KEY"] = "from environment";
        Assert.Equal("from environment", Read().Secret(UpstreamKeyFile));

        Assert.Equal("from file", Read("--upstream-key-file", file).Secret(UpstreamKeyFile));
    }

    [Fact]
    public void The_data_directory_is_in_the_users_local_share()
    {
        Assert.Equal(
            "/home/me/.local/share/pollard",
            DataDirectory.Default(name => name == "HOME" ? "/home/me" : null)
        );
        Assert.Equal("/share/pollard", DataDirectory.Default(name => name == "XDG_DATA_HOME" ? "/share" : null));
    }

    private void WriteFile(string json) => File.WriteAllText(Path.Combine(_data, "pollard.json"), json);

    private Settings Read(params string[] arguments)
    {
        var root = new RootCommand
        {
            Slots,
            Limit,
            OpenAi,
            Loud,
            UpstreamKeyFile,
            CommonOptions.Data,
            CommonOptions.Config,
        };
        var parsed = root.Parse(["--data", _data, .. arguments]);
        Assert.Empty(parsed.Errors);
        return Settings.Read(parsed, name => _variables.GetValueOrDefault(name));
    }
}
