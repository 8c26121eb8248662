using System.Text;
using System.Text.Json;
using Pollard.Agent.Backends;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Tests.Backends;

/// <summary>Keeps what a backend writes, and tells when the first of it is there.</summary>
internal sealed class RecordingOutput : IWorkOutput
{
    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public List<(DeltaKind Kind, ushort Choice, string Text)> Deltas { get; } = [];

    /// <summary>Completes with the first delta.</summary>
    public Task First => _first.Task;

    public string Content => Text(DeltaKind.Content);

    public string Reasoning => Text(DeltaKind.Reasoning);

    public ValueTask WriteAsync(
        DeltaKind kind,
        ushort choice,
        ReadOnlyMemory<byte> data,
        CancellationToken cancellationToken
    )
    {
        cancellationToken.ThrowIfCancellationRequested();
        Deltas.Add((kind, choice, Encoding.UTF8.GetString(data.Span)));
        _first.TrySetResult();
        return ValueTask.CompletedTask;
    }

    public string Text(DeltaKind kind, ushort choice = 0) =>
        string.Concat(Deltas.Where(delta => delta.Kind == kind && delta.Choice == choice).Select(delta => delta.Text));

    public IReadOnlyList<JsonElement> ToolCalls() =>
        [.. Deltas.Where(delta => delta.Kind == DeltaKind.ToolCall).Select(delta => JsonElement.Parse(delta.Text))];
}

/// <summary>Makes attempts for tests.</summary>
internal static class Work
{
    public const string Model = "pollard-demo";

    public static WorkItem Of(string kind, string request, string model = Model) =>
        new(
            new()
            {
                Attempt = "a1",
                Task = "task_1",
                Kind = kind,
                Model = model,
                Stream = true,
            },
            Encoding.UTF8.GetBytes(request)
        );

    public static WorkItem Chat(string members = "", string text = "Tell me of willows") =>
        Of("chat", $$"""{"model":"any","messages":[{"role":"user","content":"{{text}}"}]{{Rest(members)}}}""");

    public static WorkItem Completion(string members = "") =>
        Of("completion", $$"""{"model":"any","prompt":"Willows are"{{Rest(members)}}}""");

    public static WorkItem Embedding(string members = "") =>
        Of("embedding", $$"""{"model":"any","input":["one","two"]{{Rest(members)}}}""");

    private static string Rest(string members) => members.Length == 0 ? "" : "," + members;
}
