using Pollard.Output;
using Pollard.Tests.Support;

namespace Pollard.Tests.Commands;

/// <summary>What hosts and models wrote can neither play with the terminal nor pass for what we say.</summary>
public sealed class StrangersTextTests
{
    [Theory]
    [InlineData(true, "\\u001b[2J")]
    [InlineData(true, "\\u009b2J")]
    [InlineData(true, "box\\u202ekcatta")]
    [InlineData(true, "one\\nh2 online\\r")]
    [InlineData(false, "one\\nh2 online\\r")]
    [InlineData(true, "[red]box[/]<script>")]
    public async Task The_name_of_a_host_stays_a_name_in_its_row(bool isTerminal, string name)
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On("GET /v1/hosts", $$"""{"hosts":[{{Host("h1", name)}}]}""");
        using var shell = new TestShell { IsTerminal = isTerminal };
        shell.Variables["NO_COLOR"] = "1";

        await shell.RunAsync(gateway, "hosts", "list");

        var lines = shell.Out.TrimEnd('\n').Split('\n');
        Assert.Equal(2, lines.Length);
        Assert.StartsWith("h1 ", lines[1], StringComparison.Ordinal);
        Assert.DoesNotContain(lines[1], static c => c is '\u001b' or '\u009b' or '\r' or '\u202e');
        Assert.Equal(name.StartsWith('['), lines[1].Contains("[red]box[/]<script>", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_failure_of_many_lines_does_not_pass_for_another_outcome()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        var error = Documents.Error("it broke\\nstate       completed\\n\\nAll is well.");
        gateway.On("GET /v1/tasks/t1", Documents.Task("t1", "failed", error));
        using var shell = new TestShell();

        await shell.RunAsync(gateway, "tasks", "show", "t1");

        var states = shell.Out.Split('\n').Where(static line => line.StartsWith("state", StringComparison.Ordinal));
        Assert.EndsWith("failed", Assert.Single(states), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_error_stream_of_a_terminal_is_safe_where_the_output_goes_elsewhere()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        var error = Documents.Error("\\u001b]0;owned\\u0007");
        gateway.On("GET /v1/tasks/t1", Documents.Task("t1", "failed"));
        gateway.On("GET /v1/tasks/t1/wait", Documents.Task("t1", "failed", error));
        using var shell = new TestShell { ErrorIsTerminal = true };

        await shell.RunAsync(gateway, "tasks", "wait", "t1", "--timeout", "0");

        Assert.Contains("]0;owned", shell.Error, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', shell.Error);
    }

    [Fact]
    public async Task Who_calls_itself_by_the_id_of_another_is_not_taken_for_it()
    {
        await using var gateway = await ScriptedGateway.StartAsync();
        gateway.On("GET /v1/hosts", $$"""{"hosts":[{{Host("h2", "h1")}},{{Host("h1", "attic")}}]}""");
        gateway.On("POST /v1/hosts/h1/drain", "{}");
        using var shell = new TestShell();

        await shell.RunAsync(gateway, "hosts", "drain", "h1");

        Assert.Equal("POST /v1/hosts/h1/drain", gateway.Calls[^1].Name);
    }

    [Theory]
    [InlineData("host\n2026-01-01T00:00:00.000Z ERROR all is lost")]
    [InlineData("host\u009b31m")]
    [InlineData("host\u007f")]
    public void A_line_of_the_log_stays_one(string text) =>
        Assert.DoesNotContain(LogLine.OneLine(text), static character => char.IsControl(character));

    private static string Host(string id, string name) =>
        $$"""
            {"id":"{{id}}","name":"{{name}}","state":"online","role":"worker","slots":1,"running":0,"enrolled_at":"2026-01-02T03:04:05.678Z","models":[]}
            """;
}
