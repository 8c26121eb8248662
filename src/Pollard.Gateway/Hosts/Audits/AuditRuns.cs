using System.Collections.Concurrent;
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
    private const int MostAble = 1_000;
    private readonly ConcurrentDictionary<string, bool> _able = new(StringComparer.Ordinal); // Models, by their exact names.

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
        if (why is null)
        {
            Able(model);
        }
        else if (!await IsToBlameAsync(hostId, canary, model, ct))
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
        var host = Find(answer.HostId);
        if (host is { PassesOptions: false } || await tasks.RequestOfAsync(row.Id, ct) is not { } request)
        {
            return;
        }

        var requires = OnTrusted(row);
        var sameWeights = false;
        if (DigestOf(host, row.Model) is { } digest)
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

    /// <summary>
    /// True when the host is to blame and not the model: a trusted host with the model gives the words. Where there is none, guests
    /// are only blamed when some host has given a canary's words with the model: it may be made for other things than to talk.
    /// </summary>
    private async Task<bool> IsToBlameAsync(string hostId, Canary canary, string model, CancellationToken ct)
    {
        var trusted = new TaskRequirements { Tier = TrustTier.Trusted };
        return CanServe(model, trusted) && await AskAsync(canary, model, trusted, ct) is { } answer
            ? canary.Objection(answer.Text) is null
            : !verdicts.IsGuest(hostId) || _able.ContainsKey(model);
    }

    private void Able(string model)
    {
        if (_able.Count >= MostAble)
        {
            _able.Clear();
        }

        _able[model] = true;
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

    private HostDescription? Find(string hostId) =>
        engine
            .Hosts.List(most: TrustTier.Community)
            .FirstOrDefault(host => string.Equals(host.Description.Id, hostId, StringComparison.Ordinal))
            ?.Description;

    private static string? DigestOf(HostDescription? host, string model) =>
        host?.Models.FirstOrDefault(info => string.Equals(info.Name, model, StringComparison.Ordinal))?.Digest;

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
