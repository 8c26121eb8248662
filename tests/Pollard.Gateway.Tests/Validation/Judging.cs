using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Pollard.Gateway.Http;
using Pollard.Gateway.Validation;
using Pollard.Tasks;
using Pollard.Tasks.Validation;

namespace Pollard.Gateway.Tests.Validation;

/// <summary>What tests of checks need: an answer of a task, and one check by its JSON.</summary>
internal static class Judging
{
    // Its clock stands still: a slow machine is no reason to give a parser up.
    public static ValidatorCatalog Catalog { get; } =
        new(new ParserProcess(Interpreters.OfThisMachine, new FakeTimeProvider()));

    public static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TaskRow Row(ValidationPlan? plan = null) =>
        new()
        {
            Id = new TaskId(1),
            Owner = "key_1",
            Kind = "chat",
            Model = "m",
            CreatedAt = DateTimeOffset.UnixEpoch,
            RunTimeout = TimeSpan.FromSeconds(77),
            Validation = plan,
        };

    public static ReviewedAnswer Answer(string text, TaskRow? row = null, string? request = null) =>
        new()
        {
            Row = row ?? Row(),
            PublicId = "task_1",
            Number = 1,
            Request = System.Text.Encoding.UTF8.GetBytes(
                request ?? """{"messages":[{"role":"user","content":"Ask"}]}"""
            ),
            Text = text,
            AskAsync = (_, _) => throw new InvalidOperationException("nobody was to be asked"),
        };

    public static AnswerCheck Check(string type, string? parameters = null, ValidatorCatalog? catalog = null) =>
        (catalog ?? Catalog).Read(
            new ValidatorSpec(type, parameters is null ? null : JsonElement.Parse(parameters)),
            "validation[0]"
        );

    public static async Task<Finding> FindAsync(string type, string? parameters, string text) =>
        await Check(type, parameters)(new CheckedAnswer(Answer(text), 0), Token);

    public static DoorError Refusal(Action read) => Assert.Throws<RejectedException>(read).Error;
}
