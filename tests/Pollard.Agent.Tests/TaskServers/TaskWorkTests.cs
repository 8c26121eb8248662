using System.Text;
using Pollard.Agent.Sources.TaskServers;
using Pollard.Agent.Sources.TaskServers.Small;
using Pollard.Protocol;

namespace Pollard.Agent.Tests.TaskServers;

/// <summary>Which backend gets a task, and as what.</summary>
public sealed class TaskWorkTests
{
    private static readonly ModelInfo Model = new() { Name = "model" };
    private static readonly ModelInfo Command = new() { Name = "tool", Kinds = ["chat", "command"] };
    private static readonly ModelInfo Whole = new() { Name = "demo", Kinds = ["task"] };
    private static readonly ModelInfo Any = new() { Name = "*" };

    [Fact]
    public void A_prompt_or_messages_go_to_a_model_as_a_chat()
    {
        Assert.Equal(
            ("chat", "model", """{"messages":[{"role":"user","content":"Hi"}]}"""),
            Read("""{"taskId":"t","prompt":"Hi"}""", Any, Model, Command)
        );
        Assert.Equal(
            ("chat", "tool", """{"messages":[{"role":"user","content":"Hi"}]}"""),
            Read("""{"taskId":"t","messages":[{"role":"user","content":"Hi"}]}""", Command, Model)
        );
    }

    [Fact]
    public void Anything_else_goes_whole_to_a_backend_for_tasks_or_to_a_command()
    {
        const string Task = """{"taskId":"t","iterations":5}""";

        Assert.Equal(("task", "demo", Task), Read(Task, Model, Command, Whole));
        Assert.Equal(
            ("command", "tool", """{"prompt":"{\"taskId\":\"t\",\"iterations\":5}"}"""),
            Read(Task, Model, Command)
        );
        Assert.Null(Read(Task, Model));
        Assert.Null(Read(Task, Any));
    }

    [Fact]
    public void A_task_that_only_says_that_it_is_one_is_what_its_request_says()
    {
        const string Prompt = """{"taskId":"t","kind":"task","model":"","request":{"prompt":"Hi"}}""";
        const string Other = """{"taskId":"t","kind":"task","iterations":10,"request":{"text":"a b"}}""";

        Assert.Equal(("chat", "model", """{"messages":[{"role":"user","content":"Hi"}]}"""), Read(Prompt, Model));
        Assert.Equal(("task", "demo", """{"text":"a b"}"""), Read(Other, Model, Whole));
        Assert.Equal(("command", "tool", """{"prompt":"{\"text\":\"a b\"}"}"""), Read(Other, Command));
    }

    [Fact]
    public void What_a_task_says_itself_holds()
    {
        Assert.Equal(
            ("embedding", "e5", """{"input":"x"}"""),
            Read("""{"taskId":"t","kind":"embedding","model":"e5","request":{"input":"x"}}""", Model)
        );
        Assert.Equal(
            ("chat", "other", """{"model":"other","messages":[]}"""),
            Read("""{"taskId":"t","request":{"model":"other","messages":[]}}""", Model)
        );
        Assert.Equal(
            ("chat", "model", "{}"),
            Read("""{"taskId":"t","request":{}}""", Command with { Kinds = [] }, Model)
        );
        Assert.Equal("other", Read("""{"taskId":"t","model":"other","prompt":"Hi"}""", Any)?.Model);
    }

    [Fact]
    public void Members_of_other_shapes_are_passed_over() =>
        Assert.Equal(
            "command",
            Read("""{"taskId":"t","kind":7,"model":[],"request":"x","prompt":{},"messages":"m"}""", Command)?.Kind
        );

    [Fact]
    public void A_task_that_says_nothing_goes_to_a_tool_where_there_is_nothing_else()
    {
        ModelInfo tool = new() { Name = "tool", Kinds = ["http"] };
        var (kind, model, request) = Read("""{"taskId":"t","n":1}""", tool)!.Value;
        Assert.Equal(("http", "tool"), (kind, model));
        Assert.Equal(
            """{"method":"POST","path":"","headers":{"Content-Type":"application/json"},"body":"{\u0022taskId\u0022:\u0022t\u0022,\u0022n\u0022:1}"}""",
            request
        );
        Assert.Equal("command", Read("""{"taskId":"t","n":1}""", tool, Command)?.Kind);
    }

    [Theory]
    [InlineData("""{"taskId":"t","n":1}""", true)]
    [InlineData("""{"taskId":"t","kind":"http","request":{"method":"GET"}}""", true)]
    [InlineData("""{"taskId":"t","kind":"http","request":{"method":"POST"}}""", false)]
    [InlineData("""{"taskId":"t","kind":"http","request":{"method":7}}""", true)] // No call, and never made.
    public void A_task_may_be_run_again_unless_it_is_a_call_that_may_be_made_only_once(
        string json,
        bool isRepeatable
    ) =>
        Assert.Equal(
            isRepeatable,
            TaskWork
                .Read(
                    new FetchedTask("t", Encoding.UTF8.GetBytes(json)),
                    [new ModelInfo { Name = "tool", Kinds = ["http"] }]
                )
                .IsRepeatable
        );

    private static (string Kind, string Model, string Request)? Read(string json, params ModelInfo[] models) =>
        TaskWork.Read(new FetchedTask("t", Encoding.UTF8.GetBytes(json)), models) is { Work: { } work }
            ? (work.Offer.Kind, work.Offer.Model, Encoding.UTF8.GetString(work.Request.Span))
            : null;
}
