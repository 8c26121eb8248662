using System.Text;
using Pollard.Gateway.Answers;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Hosts.Audits;

/// <summary>The audits of what hosts answer: canaries, and clients' work that a trusted host does again.</summary>
internal sealed class AuditRuns(
    TaskEngine engine,
    AuditTasks tasks,
    Verdicts verdicts,
    HostLinkOptions options,
    TimeProvider time
)
{
    private const int MostShown = 300; // Characters; evidence is for people.

    /// <summary>Asks a host what every model knows the answer to.</summary>
    public async Task CanaryAsync(string hostId, string model, CancellationToken ct)
    {
        var canary = Canary.New(options.Random);
        var answer = await AskAsync(canary, model, new TaskRequirements { Host = hostId }, ct);
        if (answer?.Host != hostId)
        {
            return; // It did not answer, which is counted elsewhere; or another host has this one's id for its name.
        }

        var why = canary.Objection(answer.Text);
        if (why is not null && await IsTooHardAsync(canary, model, ct))
        {
            return;
        }

        var evidence = new AuditEvidence
        {
            At = time.GetUtcNow(),
            Kind = "canary",
            Model = model,
            Task = answer.Task,
            Asked = canary.Text,
            Came = answer.Text.Length > MostShown ? answer.Text[..MostShown] + "..." : answer.Text,
            Passed = why is null,
            Why = why,
        };
        await verdicts.NoteContentAsync(hostId, evidence, ct);
    }

    /// <summary>True for an answer that another host would give too, where a trusted one has the model.</summary>
    public bool CanRerun(HostAnswer answer) =>
        answer.Row is { Kind: Kinds.Chat, Validation: null } row // Requests of later answers have more in them than the task's.
        && row.Continuations.HasFlag(Continuations.Replay)
        && CanServe(row.Model, OnTrusted(row));

    /// <summary>Has a trusted host do a client's work again, and compares.</summary>
    public async Task RerunAsync(HostAnswer answer, CancellationToken ct)
    {
        var row = answer.Row;
        if (await tasks.RequestOfAsync(row.Id, ct) is not { } request)
        {
            return;
        }

        var requires = OnTrusted(row);
        var sameWeights = false;
        if (DigestOf(answer.HostId, row.Model) is { } digest)
        {
            var exact = requires with { Features = [.. requires.Features ?? [], ModelInfo.DigestPrefix + digest] };
            sameWeights = CanServe(row.Model, exact);
            requires = sameWeights ? exact : requires;
        }

        if (
            await tasks.RunAsync(row.Model, request, stream: false, requires, ct) is not { } reference
            || TextAgreement.Objection(TextOf(answer), reference.Text, sameWeights) is not { } why
        )
        {
            return;
        }

        var evidence = new AuditEvidence
        {
            At = time.GetUtcNow(),
            Kind = "rerun",
            Model = row.Model,
            Task = engine.Ids.Format(row.Id),
            Passed = why.Length == 0,
            Why = why.Length == 0 ? null : why,
        };
        await verdicts.NoteContentAsync(answer.HostId, evidence, ct);
    }

    private Task<AuditAnswer?> AskAsync(Canary canary, string model, TaskRequirements requires, CancellationToken ct)
    {
        var stream = options.Random.Next(2) == 0; // As clients do, some so and some so.
        return tasks.RunAsync(model, canary.RequestFor(model, stream), stream, requires, ct);
    }

    /// <summary>True when the model is to blame: it fails on a trusted host too.</summary>
    private async Task<bool> IsTooHardAsync(Canary canary, string model, CancellationToken ct)
    {
        var trusted = new TaskRequirements { Tier = TrustTier.Trusted };
        return CanServe(model, trusted)
            && await AskAsync(canary, model, trusted, ct) is { } answer
            && canary.Objection(answer.Text) is not null;
    }

    // What the client required of its host holds for this one too; only which one it is does not.
    private static TaskRequirements OnTrusted(TaskRow row) =>
        (row.Requires ?? new TaskRequirements()) with
        {
            Host = null,
            Tier = TrustTier.Trusted,
        };

    private bool CanServe(string model, TaskRequirements requires) =>
        engine.Hosts.CanServe(Kinds.Chat, model, requires) == Serving.Worker;

    private string? DigestOf(string hostId, string model) =>
        engine
            .Hosts.List(most: TrustTier.Community)
            .FirstOrDefault(host => string.Equals(host.Description.Id, hostId, StringComparison.Ordinal))
            ?.Description.Models.FirstOrDefault(info => string.Equals(info.Name, model, StringComparison.Ordinal))
            ?.Digest;

    private static string TextOf(HostAnswer answer)
    {
        var text = new StringBuilder();
        foreach (var item in answer.Output.Where(static item => item is { Kind: DeltaKind.Content, Choice: 0 }))
        {
            text.Append(Encoding.UTF8.GetString(item.Data.Span));
        }

        return AuditTasks.WithoutThoughts(text.ToString());
    }
}
