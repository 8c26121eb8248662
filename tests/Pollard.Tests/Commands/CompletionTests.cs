using Pollard.Tests.Support;

namespace Pollard.Tests.Commands;

/// <summary>What shells are told that may stand where the cursor is.</summary>
public sealed class CompletionTests
{
    [Theory]
    [InlineData("tasks hosts", "")]
    [InlineData("tasks", "ta")]
    [InlineData("list export show", "tasks", "")]
    [InlineData("--state --limit --help", "tasks", "list", "-")]
    [InlineData("--state", "tasks", "list", "--st")]
    [InlineData("pending running completed", "tasks", "list", "--state", "")]
    [InlineData("running", "tasks", "list", "--limit", "5", "--state", "ru")]
    [InlineData("--state=running", "tasks", "list", "--state=ru")]
    [InlineData("retry accept reject", "tasks", "input", "t1", "")]
    [InlineData("own trusted community", "token", "create", "--tier", "")]
    [InlineData("h2 ws turn best", "agent", "--carrier", "")]
    [InlineData("bash zsh fish powershell", "completion", "")]
    [InlineData("own", "token", "create", "--name", "@none", "--tier", "\"o")]
    public async Task Candidates_are_what_the_commands_have(string expected, params string[] words)
    {
        var found = await CompleteAsync(words);

        Assert.Superset(expected.Split(' ').ToHashSet(StringComparer.Ordinal), found.ToHashSet(StringComparer.Ordinal));
        Assert.All(found, candidate => Assert.StartsWith(words[^1].Trim('"'), candidate, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("complete", "")]
    [InlineData("--gateway", "tasks", "list", "--gateway", "x", "--")]
    [InlineData("list", "tasks", "list", "")]
    [InlineData("--state", "tasks", "list", "--state", "")]
    public async Task What_cannot_stand_there_is_no_candidate(string notExpected, params string[] words) =>
        Assert.DoesNotContain(notExpected, await CompleteAsync(words));

    [Fact]
    public async Task An_option_that_may_be_given_again_is_offered_again() =>
        Assert.Contains("--label", await CompleteAsync("tasks", "list", "--label", "a", "--la"));

    [Theory]
    [InlineData("GET /v1/tasks", "t1", "tasks", "show", "")]
    [InlineData("GET /v1/tasks", "t1", "tasks", "cancel", "t0", "t")]
    [InlineData("GET /v1/hosts", "attic", "hosts", "drain", "")]
    [InlineData("GET /v1/models", "llama3.2:3b", "ask", "--model", "llama3.2:")]
    [InlineData("GET /v1/keys", "k1", "key", "revoke", "")]
    [InlineData("GET /v1/tokens", "j1", "token", "revoke", "")]
    public async Task The_gateway_is_asked_for_what_only_it_knows(string call, string expected, params string[] words)
    {
        await using var gateway = await StartAsync();

        var found = await CompleteAsync(gateway, words);

        Assert.Equal([expected], found);
        Assert.Equal([call], gateway.Calls.Select(asked => asked.Name));
    }

    [Fact]
    public async Task What_a_host_is_called_does_not_get_into_the_shell_where_it_means_something_there()
    {
        await using var gateway = await StartAsync();
        gateway.On(
            "GET /v1/models",
            """{"data":[{"id":"good"},{"id":"$(reboot)"},{"id":"a;b"},{"id":"--config"},{"id":"a\u001b[2Jb"},{"id":"a\nb"}]}"""
        );

        Assert.Equal(["good"], await CompleteAsync(gateway, "ask", "--model", ""));
    }

    [Fact]
    public async Task A_gateway_that_refuses_or_is_away_is_passed_over_in_silence()
    {
        await using var gateway = await StartAsync();
        gateway.On("GET /v1/tasks", Documents.Problem("forbidden", "no", 403), 403);

        Assert.Empty(await CompleteAsync(gateway, "tasks", "show", "t"));
        Assert.Empty(await CompleteAsync("tasks", "show", "t"));
        Assert.Empty(await CompleteAsync("tasks", "show", "--gateway", "nonsense", "t"));
    }

    [Fact]
    public async Task The_script_of_PowerShell_has_the_shape_that_its_manual_asks_for()
    {
        using var shell = new TestShell();

        await shell.RunAsync("completion", "powershell"); // No PowerShell runs in these tests.

        Assert.Contains("Register-ArgumentCompleter -Native -CommandName pollard", shell.Out, StringComparison.Ordinal);
        Assert.Contains("complete '--' @before $current", shell.Out, StringComparison.Ordinal);
        Assert.Equal(shell.Out.Count(character => character == '{'), shell.Out.Count(character => character == '}'));
        Assert.Equal(shell.Out.Count(character => character == '('), shell.Out.Count(character => character == ')'));
    }

    private static async Task<ScriptedGateway> StartAsync()
    {
        var gateway = await ScriptedGateway.StartAsync();
        return gateway
            .On("GET /v1/tasks", $$"""{"tasks":[{{Documents.Task("t1", "running")}}]}""")
            .On("GET /v1/models", """{"data":[{"id":"llama3.2:3b"}]}""")
            .On(
                "GET /v1/hosts",
                """{"hosts":[{"id":"h1","name":"attic","state":"online","role":"worker","slots":1,"running":0,"enrolled_at":"2026-01-02T03:04:05.678Z","models":[]}]}"""
            )
            .On(
                "GET /v1/keys",
                """{"keys":[{"id":"k1","name":"ci","role":"client","created_at":"2026-01-02T03:04:05.678Z"}]}"""
            )
            .On(
                "GET /v1/tokens",
                """{"tokens":[{"id":"j1","tier":"own","uses_left":1,"created_at":"2026-01-02T03:04:05.678Z","expires_at":"2026-01-02T03:04:05.678Z"}]}"""
            );
    }

    private static async Task<IReadOnlyList<string>> CompleteAsync(params string[] words)
    {
        using var shell = new TestShell { Variables = { ["POLLARD_GATEWAY"] = "http://127.0.0.1:1" } };
        return await CompleteAsync(shell, words);
    }

    private static async Task<IReadOnlyList<string>> CompleteAsync(ScriptedGateway gateway, params string[] words)
    {
        using var shell = new TestShell { Variables = { ["POLLARD_GATEWAY"] = gateway.Url.ToString() } };
        return await CompleteAsync(shell, words);
    }

    private static async Task<IReadOnlyList<string>> CompleteAsync(TestShell shell, string[] words)
    {
        Assert.Equal(ExitCode.Ok, await shell.RunAsync(["complete", "--", .. words]));
        Assert.Empty(shell.Error);
        return [.. shell.Out.Split('\n')[..^1].Select(line => line.Split('\t')[0])];
    }
}
