using System.Text;
using Pollard.Agent.Sources.TaskServers;
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

    private static (string Kind, string Model, string Request)? Read(string json, params ModelInfo[] models) =>
        TaskWork.Read(new FetchedTask("t", Encoding.UTF8.GetBytes(json)), models) is { } work
            ? (work.Offer.Kind, work.Offer.Model, Encoding.UTF8.GetString(work.Request.Span))
            : null;
}
