using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Pollard.Gateway.Hosts;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Tasks;
using Pollard.Tasks.Storage;

namespace Pollard.Gateway.Tests.Hosts.Audits;

/// <summary>Hosts of the community are audited, and those that answer wrongly get no more work.</summary>
public sealed class AuditTests : IAsyncDisposable
{
    private const string Request = """{"model":"m","messages":[{"role":"user","content":"Hi"}],"temperature":0}""";
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddDays(20_000));
    private readonly MemoryTaskStore _store;
    private TestGateway? _gateway;

    public AuditTests() => _store = new MemoryTaskStore(_time);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private TestGateway Gateway => _gateway!;

    private HostRegistry Registry => Gateway.Server.Hosts.Registry;

    [Fact]
    public async Task A_host_that_answers_canaries_wrongly_is_quarantined_until_it_is_released()
    {
        var (id, host) = await StartAsync();

        await AuditAsync(id, host, times: 4, static _ => "I am a very good model.");
        var audits = await ShowAsync(id);
        var shown = await StateAsync(id);
        var refused = await Gateway.Engine.SubmitAsync(Chat(), Token);
        var why = Gateway.Engine.Why(refused.Task!);
        var offered = host.HasOffer;
        using var released = await Gateway.PostAsync($"/v1/hosts/{id}/release", "");
        var work = await host.TakeAsync();
        work.Say("x").Finish();

        Assert.Equal((4, 4, true), (audits.Audited, audits.Failed, audits.Score >= audits.Threshold));
        Assert.NotNull(audits.QuarantinedAt);
        Assert.All(audits.Evidence, static evidence => Assert.False(evidence.Passed));
        Assert.Equal("I am a very good model.", audits.Evidence[0].Came);
        Assert.Contains(": ", audits.Evidence[0].Asked, StringComparison.Ordinal);
        Assert.Contains("is missing", audits.Evidence[0].Why, StringComparison.Ordinal);
        Assert.Equal("quarantined", shown);
        Assert.False(offered);
        Assert.False(why.Hosts.Single().Can);
        Assert.Equal("online", await StateAsync(id));
        Assert.Equal((0, 0d), ((await ShowAsync(id)).Audited, (await ShowAsync(id)).Score));
    }

    [Fact]
    public async Task A_resume_does_not_lift_a_quarantine()
    {
        var (id, host) = await StartAsync();
        await AuditAsync(id, host, times: 4, static _ => "no");

        using var resumed = await Gateway.PostAsync($"/v1/hosts/{id}/resume", "");
        await Gateway.Engine.SubmitAsync(Chat(), Token);

        Assert.Equal("quarantined", await StateAsync(id));
        Assert.False(host.HasOffer);
    }

    [Fact]
    public async Task A_quarantine_and_its_evidence_outlive_a_restart()
    {
        var (id, host) = await StartAsync();
        await AuditAsync(id, host, times: 4, static _ => "no");
        await Gateway.DisposeAsync();

        _gateway = await TestGateway.StartAsync(store: _store, time: _time);
        var audits = await ShowAsync(id);

        Assert.Equal("quarantined", await StateAsync(id));
        Assert.Equal((4, 4), (audits.Audited, audits.Evidence.Count));
        Assert.NotNull(audits.QuarantinedAt);
    }

    [Fact]
    public async Task A_host_that_answers_as_a_model_does_is_never_quarantined()
    {
        var (id, host) = await StartAsync(share: 1);

        for (var i = 1; i <= 20; i++)
        {
            await AnswerAsync(host, static asked => "Sure: " + asked.Split(": ")[1]);
            await UntilAsync(id, audits => audits.Audited == i);
            await AnswerChatAsync(host);
        }

        var audits = await ShowAsync(id);
        Assert.Equal((20, 0, 0d), (audits.Audited, audits.Failed, audits.Score));
        Assert.Equal("online", await StateAsync(id));
    }

    [Fact]
    public async Task Clients_do_not_see_audits_and_hosts_see_them_as_work()
    {
        var (_, host) = await StartAsync();

        var canary = await NextAsync(host);
        using var client = Gateway.NewClient(key: null);
        var chat = TestGateway.PostAsync(client, "/v1/chat/completions", Request);
        var work = await host.TakeAsync();

        Assert.Equal((work.Kind, work.Model), (canary.Kind, canary.Model));
        Assert.Equal(0, canary.Request.GetProperty("temperature").GetInt32());
        Assert.DoesNotContain("audit", canary.Request.GetRawText(), StringComparison.OrdinalIgnoreCase);
        var row = await Gateway.Engine.ListAsync(new TaskQuery { Limit = 10, Owner = "" }, Token);
        Assert.Equal(work.TaskId, Gateway.Engine.Ids.Format(row.Rows.Single().Id));
        work.Say("x").Finish();
        (await chat).Dispose();
    }

    [Fact]
    public async Task Trusted_hosts_are_not_audited()
    {
        var (_, host) = await StartAsync(TrustTier.Trusted);

        await RoundsAsync(3);

        Assert.False(host.HasOffer);
    }

    [Fact]
    public async Task Nobody_is_audited_where_the_owner_turned_it_off()
    {
        var (_, host) = await StartAsync(share: 0);

        _time.Advance(TimeSpan.FromMinutes(10));

        Assert.False(host.HasOffer);
    }

    [Fact]
    public async Task A_canary_that_a_trusted_host_fails_too_blames_the_model()
    {
        var (id, host) = await StartAsync(share: 0.02);
        var trusted = Gateway.Connect("m");
        var canary = await NextAsync(host);

        canary.Say("no").Finish();
        var again = await trusted.TakeAsync();
        again.Say("no").Finish();
        await RoundsAsync(3);

        Assert.Equal(0, (await ShowAsync(id)).Audited);
    }

    [Fact]
    public async Task While_links_drop_in_numbers_nobody_is_blamed()
    {
        var (id, host) = await StartAsync(share: 1);
        var others = Enumerable
            .Range(0, 6)
            .Select(i => FakeHost.Connect(Gateway.Engine, $"other{i}", TrustTier.Community, $"m{i}"))
            .ToList();
        var canary = await NextAsync(host);

        others.ForEach(static other => other.Leave());
        canary.Say("no").Finish();
        var troubled = Gateway.Engine.Hosts.IsTroubled;
        await RoundsAsync(30);
        await AnswerChatAsync(host);
        await AuditAsync(id, host, times: 1, static _ => "no"); // The first that counts comes when the trouble is over.

        Assert.True(troubled);
        Assert.Equal(1, (await ShowAsync(id)).Audited);
    }

    [Fact]
    public async Task What_fails_or_takes_too_long_is_no_audit()
    {
        var (id, host) = await StartAsync(share: 1);

        (await NextAsync(host)).Fail("backend_error");
        await AnswerChatAsync(host);
        (await NextAsync(host)).Finish("length");
        await AnswerChatAsync(host);
        (await NextAsync(host)).Say("no").Finish("length");
        await UntilAsync(id, static audits => audits.Audited == 1);

        Assert.Equal(1, (await ShowAsync(id)).Failed);
    }

    [Fact]
    public async Task Work_is_done_again_by_a_trusted_host_and_compared()
    {
        var (id, host) = await StartAsync(share: 1);
        await AnswerAsync(host, static asked => asked);
        var trusted = FakeHost.Connect(Gateway.Engine, "friend", TrustTier.Trusted, "m");
        const string Right =
            "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
            + "sixteen seventeen eighteen nineteen twenty.";

        await Gateway.Engine.SubmitAsync(
            Chat() with
            {
                Continuations = Continuations.Replay,
                Requires = new() { Host = id },
            },
            Token
        );
        (await host.TakeAsync()).Say("Buy watches.").Finish();
        var again = await trusted.TakeAsync();
        again.Say(Right).Finish();
        await UntilAsync(id, static audits => audits.Evidence.Any(static evidence => evidence.Kind == "rerun"));
        var evidence = (await ShowAsync(id)).Evidence.Single(static evidence => evidence.Kind == "rerun");

        Assert.Equal(Request, again.Request.GetRawText());
        Assert.False(evidence.Passed);
        Assert.Null(evidence.Came); // What clients ask and get is not kept here.
        Assert.Contains("of its words", evidence.Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Answers_without_content_count_and_bring_a_closer_look()
    {
        var (id, host) = await StartAsync();
        (await NextAsync(host)).Say("no").Finish();
        await UntilAsync(id, static audits => audits.Audited == 1);

        await Gateway.Engine.SubmitAsync(Chat(), Token);
        (await host.TakeAsync()).Finish();
        await UntilAsync(id, static audits => audits.Misshapen == 1);

        var evidence = (await ShowAsync(id)).Evidence[0];
        Assert.Equal(("shape", false), (evidence.Kind, evidence.Passed));
        Assert.StartsWith("empty: ", evidence.Why, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET", "audits")]
    [InlineData("POST", "release")]
    public async Task A_host_that_is_not_there_is_a_404(string method, string what)
    {
        await StartAsync();

        var problem = await TestGateway.JsonOf(
            method == "GET"
                ? Gateway.GetAsync($"/v1/hosts/nobody/{what}")
                : Gateway.PostAsync($"/v1/hosts/nobody/{what}", ""),
            404
        );

        Assert.Contains("is not enrolled", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    public async ValueTask DisposeAsync()
    {
        if (_gateway is not null)
        {
            await _gateway.DisposeAsync();
        }
    }

    private static NewTask Chat() =>
        new()
        {
            Owner = "",
            Kind = "chat",
            Model = "m",
            Request = System.Text.Encoding.UTF8.GetBytes(Request),
        };

    /// <summary>A gateway that is past its first minute, with one enrolled host that has the model m.</summary>
    private async Task<(string Id, FakeHost Host)> StartAsync(
        TrustTier tier = TrustTier.Community,
        double share = 0.000_001
    )
    {
        _gateway = await TestGateway.StartAsync(
            options => options with { AuditShare = share },
            store: _store,
            time: _time
        );
        var record = await Registry.EnrolAsync("key", "box", new JoinTerms(tier), Token);
        var host = FakeHost.Connect(Gateway.Engine, record!.Id, tier, "m");
        _time.Advance(TimeSpan.FromMinutes(1));
        return (record.Id, host);
    }

    /// <summary>The host's next canary.</summary>
    private async Task<FakeAttempt> NextAsync(FakeHost host)
    {
        await UntilAsync(() => Task.FromResult(host.HasOffer));
        return await host.TakeAsync();
    }

    /// <summary>Answers the host's next canary.</summary>
    private async Task AnswerAsync(FakeHost host, Func<string, string> answer)
    {
        var canary = await NextAsync(host);
        var asked = canary.Request.GetProperty("messages")[0].GetProperty("content").GetString()!;
        canary.Say(answer(asked)).Finish();
    }

    private async Task AuditAsync(string id, FakeHost host, int times, Func<string, string> answer)
    {
        for (var i = 1; i <= times; i++)
        {
            await AnswerAsync(host, answer);
            await UntilAsync(id, audits => audits.Audited == i);
        }

        await UntilAsync(id, static audits => audits.Score < audits.Threshold || audits.QuarantinedAt is not null);
    }

    /// <summary>Some client's work, which brings the next canary where all answers do.</summary>
    private async Task AnswerChatAsync(FakeHost host)
    {
        await Gateway.Engine.SubmitAsync(Chat(), Token);
        (await host.TakeAsync()).Say("x").Finish();
    }

    private Task RoundsAsync(int count)
    {
        var left = count;
        return UntilAsync(() => Task.FromResult(left-- <= 0));
    }

    private Task UntilAsync(string id, Func<HostAudits, bool> isSo) =>
        UntilAsync(async () => isSo(await ShowAsync(id)));

    /// <summary>Lets the clock go on, and the gateway do what is due, until this is so.</summary>
    private async Task UntilAsync(Func<Task<bool>> isSo)
    {
        for (var rounds = 0; !await isSo(); rounds++)
        {
            Assert.True(rounds < 3_000, "it does not come to that");
            _time.Advance(TimeSpan.FromSeconds(1));
            (await Gateway.GetAsync("/health")).Dispose(); // Gives the gateway a turn.
        }
    }

    private async Task<HostAudits> ShowAsync(string id) =>
        JsonSerializer.Deserialize(
            await TestGateway.TextOf(Gateway.GetAsync($"/v1/hosts/{id}/audits")),
            ProtocolJson.Default.HostAudits
        )!;

    private async Task<string?> StateAsync(string id)
    {
        var hosts = await TestGateway.JsonOf(Gateway.GetAsync("/v1/hosts"));
        return hosts
            .GetProperty("hosts")
            .EnumerateArray()
            .Single(host => host.GetProperty("id").GetString() == id)
            .GetProperty("state")
            .GetString();
    }
}
