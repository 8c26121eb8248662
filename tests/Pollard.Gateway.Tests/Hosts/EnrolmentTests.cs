using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using Microsoft.Extensions.Time.Testing;
using Pollard.Gateway.Hosts;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Storage;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>Who may join, and whose requests are believed.</summary>
public sealed class EnrolmentTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Without_a_token_nobody_joins_a_gateway_with_keys()
    {
        await using var gateway = await LinkGateway.StartAsync(isOpen: false);

        var (status, _, problem) = await EnrolAsync(gateway, token: null);

        Assert.Equal((HttpStatusCode.Unauthorized, "urn:pollard:error:host_unauthorized"), (status, problem?.Type));
    }

    [Fact]
    public async Task A_join_token_lets_in_as_many_hosts_as_it_says()
    {
        await using var gateway = await LinkGateway.StartAsync(isOpen: false);
        using var admin = gateway.NewClient();
        using var made = await admin.PostAsync("/v1/tokens", new StringContent("""{"uses":2}"""), Token);
        var token = (await made.Content.ReadFromJsonAsync(ProtocolJson.Default.TokenDocument, Token))!;

        var first = await EnrolAsync(gateway, token.Token);
        var second = await EnrolAsync(gateway, token.Token);
        var third = await EnrolAsync(gateway, token.Token);

        Assert.StartsWith("jt_", token.Token, StringComparison.Ordinal);
        Assert.NotEqual(first.HostId, second.HostId);
        Assert.Equal(HttpStatusCode.Unauthorized, third.Status);
        Assert.Contains("used up", third.Problem!.Detail, StringComparison.Ordinal);
        var listed = await admin.GetFromJsonAsync("/v1/tokens", ProtocolJson.Default.TokenList, Token);
        Assert.Equal((0, null), (listed!.Tokens[0].UsesLeft, listed.Tokens[0].Token));
    }

    [Theory]
    [InlineData("jt_0000")]
    [InlineData("")]
    public async Task A_token_that_nobody_made_lets_nobody_in(string token)
    {
        await using var gateway = await LinkGateway.StartAsync(isOpen: true);

        Assert.Equal(HttpStatusCode.Unauthorized, (await EnrolAsync(gateway, token)).Status);
    }

    [Theory]
    [InlineData("not base64")]
    [InlineData("AAAA")]
    public async Task Only_a_key_of_the_right_kind_is_taken(string publicKey)
    {
        await using var gateway = await LinkGateway.StartAsync();

        var (status, _, _) = await EnrolAsync(gateway, token: null, publicKey);

        Assert.Equal(HttpStatusCode.BadRequest, status);
    }

    [Fact]
    public void A_key_of_another_curve_is_not_taken()
    {
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP384);

        Assert.False(HostSignatures.IsPublicKey(Convert.ToBase64String(other.ExportSubjectPublicKeyInfo())));
    }

    [Fact]
    public async Task Hosts_and_tokens_are_still_there_after_a_restart()
    {
        var store = new MemoryTaskStore(TimeProvider.System);
        string? id;
        string? token;
        await using (var before = await LinkGateway.StartAsync(store, isOpen: true))
        {
            (_, id, _) = await EnrolAsync(before, token: null);
            token = (await before.Tokens.CreateAsync("t", 1, TimeSpan.FromHours(1), JoinTerms.Usual, Token)).Token;
        }

        await using var after = await LinkGateway.StartAsync(store.Crash(), isOpen: false);

        Assert.Equal(id, Assert.Single(after.Registry.List()).Id);
        Assert.Equal(HttpStatusCode.OK, (await EnrolAsync(after, token)).Status);
    }

    [Fact]
    public async Task Hosts_and_tokens_are_for_admins()
    {
        await using var gateway = await LinkGateway.StartAsync();
        using var anybody = gateway.NewClient(isAdmin: false);

        foreach (var path in (string[])["/v1/hosts", "/v1/tokens"])
        {
            using var answer = await anybody.GetAsync(path, Token);
            Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
            Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        }
    }

    [Fact]
    public async Task A_join_token_ends_with_its_time()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(56));
        var store = new MemoryTaskStore(clock);
        await store.OpenAsync(Token);
        var tokens = new JoinTokens(store, clock);
        var token = await tokens.CreateAsync(null, 1, TimeSpan.FromMinutes(5), JoinTerms.Usual, Token);

        clock.Advance(TimeSpan.FromMinutes(5));

        Assert.Equal(TokenUse.Expired, (await tokens.UseAsync(token.Token!, Token)).Use);
    }

    [Fact]
    public async Task Hosts_that_join_at_once_share_the_commits_of_a_slow_disk()
    {
        const int Count = 50;
        var store = new MemoryTaskStore(TimeProvider.System, MemoryCommits.ByHand);
        await store.OpenAsync(Token);
        var (tokens, registry) = (
            new JoinTokens(store, TimeProvider.System),
            new HostRegistry(store, TimeProvider.System)
        );
        var creating = tokens.CreateAsync(null, Count, TimeSpan.FromHours(1), JoinTerms.Usual, Token);
        store.CommitPending();
        var secret = (await creating).Token!;

        var used = Enumerable.Range(0, Count + 1).Select(_ => tokens.UseAsync(secret, Token)).ToList();
        Assert.Equal(Count, store.CommitPending()); // One commit of a disk.
        var uses = await Task.WhenAll(used);
        var enrolled = Enumerable
            .Range(0, Count)
            .Select(at => registry.EnrolAsync($"key-{at % (Count - 1)}", $"h{at}", JoinTerms.Usual, Token))
            .ToList();
        Assert.False(enrolled[0].IsCompleted);
        Assert.Equal(Count, store.CommitPending());
        var hosts = await Task.WhenAll(enrolled);

        Assert.Equal(Count, uses.Count(static use => use.Use == TokenUse.Good));
        Assert.Equal(TokenUse.UsedUp, uses[^1].Use);
        Assert.Equal(Count - 1, registry.List().Count);
        Assert.Equal(hosts[0]!.Id, hosts[^1]!.Id); // The same key twice at once is one host, by its newer name.
        Assert.Equal($"h{Count - 1}", registry.Find(hosts[0]!.Id)!.Name);
        var restarted = new HostRegistry(store, TimeProvider.System);
        await restarted.LoadAsync(Token);
        Assert.Equal(
            registry.List().Select(static host => host.Name),
            restarted.List().Select(static host => host.Name)
        );
    }

    [Fact]
    public async Task A_client_that_leaves_while_the_disk_is_slow_may_come_again_with_its_token()
    {
        var store = new MemoryTaskStore(TimeProvider.System, MemoryCommits.ByHand);
        await store.OpenAsync(Token);
        var tokens = new JoinTokens(store, TimeProvider.System);
        var creating = tokens.CreateAsync(null, 1, TimeSpan.FromHours(1), JoinTerms.Usual, Token);
        store.CommitPending();
        var secret = (await creating).Token!;
        using var leaving = new CancellationTokenSource();

        var first = tokens.UseAsync(secret, leaving.Token);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        var second = tokens.UseAsync(secret, Token);
        store.CommitPending();

        Assert.Equal(TokenUse.Good, (await second).Use);
        Assert.Equal(TokenUse.UsedUp, (await tokens.UseAsync(secret, Token)).Use);
    }

    [Fact]
    public async Task What_did_not_come_to_disk_does_not_count()
    {
        var store = new MemoryTaskStore(TimeProvider.System);
        await store.OpenAsync(Token);
        var (tokens, registry) = (
            new JoinTokens(store, TimeProvider.System),
            new HostRegistry(store, TimeProvider.System)
        );
        var token = await tokens.CreateAsync(null, 1, TimeSpan.FromHours(1), JoinTerms.Usual, Token);
        var host = (await registry.EnrolAsync("key", "h", JoinTerms.Usual, Token))!;
        registry.Left(host.Id);

        store.FailWrites("full");
        await Assert.ThrowsAsync<StoreException>(() => tokens.UseAsync(token.Token!, Token));
        await Assert.ThrowsAsync<StoreException>(() => tokens.DeleteAsync(token.Id, Token));
        await Assert.ThrowsAsync<StoreException>(() => registry.SaveAsync(Token));
        store.FailWrites(null);
        await registry.SaveAsync(Token);

        Assert.Equal(TokenUse.Good, (await tokens.UseAsync(token.Token!, Token)).Use);
        Assert.True(await tokens.DeleteAsync(token.Id, Token));
        var restarted = new HostRegistry(store, TimeProvider.System);
        await restarted.LoadAsync(Token);
        Assert.NotNull(Assert.Single(restarted.List()).SeenAt);
    }

    [Fact]
    public async Task A_token_that_is_over_is_deleted_a_day_later()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(56));
        var store = new MemoryTaskStore(clock);
        await store.OpenAsync(Token);
        var tokens = new JoinTokens(store, clock);
        var brief = await tokens.CreateAsync("short", 1, TimeSpan.FromHours(1), JoinTerms.Usual, Token);
        var used = await tokens.CreateAsync("used", 1, TimeSpan.FromDays(9), JoinTerms.Usual, Token);
        await tokens.CreateAsync("kept", 2, TimeSpan.FromDays(9), JoinTerms.Usual, Token);
        await tokens.UseAsync(used.Token!, Token);

        clock.Advance(JoinTokens.KeepOver - TimeSpan.FromSeconds(1));
        await tokens.ForgetOverAsync(Token);
        Assert.Equal(3, tokens.List().Count);
        clock.Advance(TimeSpan.FromSeconds(1));
        await tokens.ForgetOverAsync(Token);
        Assert.Equal(["kept", "short"], tokens.List().Select(token => token.Name).Order());
        clock.Advance(TimeSpan.FromHours(1));
        await tokens.ForgetOverAsync(Token);

        Assert.Equal("kept", Assert.Single(tokens.List()).Name);
        Assert.Single(await store.ReadRecordsAsync("join_token", Token));
        Assert.Equal(TokenUse.Unknown, (await tokens.UseAsync(brief.Token!, Token)).Use);
    }

    [Fact]
    public async Task A_revoked_host_is_deleted_after_a_month_and_is_a_stranger_from_then_on()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(56));
        var store = new MemoryTaskStore(clock);
        await store.OpenAsync(Token);
        var registry = new HostRegistry(store, clock);
        var revoked = (await registry.EnrolAsync("key 1", "one", JoinTerms.Usual, Token))!;
        var kept = (await registry.EnrolAsync("key 2", "two", JoinTerms.Usual, Token))!;
        clock.Advance(TimeSpan.FromDays(60));
        await registry.RevokeAsync(revoked.Id, Token);

        clock.Advance(HostRegistry.KeepRevoked - TimeSpan.FromSeconds(1));
        await registry.RevokeAsync(revoked.Id, Token); // Again is no new beginning.
        await registry.ForgetRevokedAsync(Token);
        Assert.Null(await registry.EnrolAsync("key 1", "one", JoinTerms.Usual, Token));
        clock.Advance(TimeSpan.FromSeconds(1));
        await registry.ForgetRevokedAsync(Token);

        Assert.Equal(kept.Id, Assert.Single(registry.List()).Id);
        Assert.Single(await store.ReadRecordsAsync("host", Token));
        Assert.NotEqual(revoked.Id, (await registry.EnrolAsync("key 1", "one", JoinTerms.Usual, Token))?.Id);
    }

    [Fact]
    public async Task A_revoked_host_is_not_believed()
    {
        using var host = await SigningHost.EnrolAsync();
        await host.Registry.RevokeAsync(host.Id, Token);

        Assert.Equal(HostSignature.RevokedCode, host.Signatures.Check(host.Sign("body"), "body"u8).Code);
        Assert.Null(await host.Registry.EnrolAsync(host.PublicKey, "again", JoinTerms.Usual, Token));
    }

    [Fact]
    public async Task What_hosts_served_is_known_while_they_are_away_not_too_long_and_are_not_revoked()
    {
        var within = TimeSpan.FromMinutes(10);
        using var host = await SigningHost.EnrolAsync();
        host.Registry.HasModels(host.Id, [new ModelInfo { Name = "qwen3:8b" }]);
        host.Registry.Left(host.Id);

        host.Clock.Advance(within);
        Assert.True(host.Registry.HadModel("qwen3:8b", within));
        Assert.False(host.Registry.HadModel("other", within));
        host.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.False(host.Registry.HadModel("qwen3:8b", within));

        host.Registry.Left(host.Id);
        await host.Registry.RevokeAsync(host.Id, Token);
        Assert.False(host.Registry.HadModel("qwen3:8b", within));
    }

    [Fact]
    public async Task A_host_that_was_linked_when_the_gateway_died_was_there_until_then()
    {
        var within = TimeSpan.FromMinutes(10);
        using var host = await SigningHost.EnrolAsync();
        host.Registry.Describe(
            host.Id,
            new Messages.Hello
            {
                ProtocolMin = 1,
                ProtocolMax = 1,
                BootId = "boot",
                Models = [new ModelInfo { Name = "qwen3:8b" }],
                Slots = 1,
            }
        );
        await host.Registry.SaveAsync(Token);
        host.Clock.Advance(TimeSpan.FromHours(5));

        var restarted = new HostRegistry(host.Store, host.Clock);
        await restarted.LoadAsync(Token);

        Assert.True(restarted.HadModel("qwen3:8b", within));
        host.Clock.Advance(within + TimeSpan.FromSeconds(1));
        Assert.False(restarted.HadModel("qwen3:8b", within));
    }

    [Theory]
    [InlineData("h2")]
    [InlineData("ws")]
    [InlineData("turn")]
    public async Task A_host_whose_clock_is_behind_joins_a_gateway_that_has_just_started(string carrier)
    {
        await using var gateway = await LinkGateway.StartAsync();
        var choose = gateway.Choose(carrier);

        await using var agent = new RunningAgent(
            gateway,
            new FakeBackend(),
            options => choose(options) with { Time = new ClockBehind(TimeSpan.FromSeconds(55)) }
        );

        await gateway.UntilHostsAsync(1); // Which waits for less time than the clock is off by.
    }

    private static async Task<(HttpStatusCode Status, string? HostId, Problem? Problem)> EnrolAsync(
        LinkGateway gateway,
        string? token,
        string? publicKey = null
    )
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var client = gateway.NewClient(isAdmin: false);
        var request = new EnrollRequest
        {
            PublicKey = publicKey ?? Convert.ToBase64String(key.ExportSubjectPublicKeyInfo()),
            Name = "a host",
            JoinToken = token,
        };
        using var answer = await client.PostAsJsonAsync(
            "/host/v1/enroll",
            request,
            ProtocolJson.Default.EnrollRequest,
            Token
        );
        return answer.IsSuccessStatusCode
            ? (
                answer.StatusCode,
                (await answer.Content.ReadFromJsonAsync(ProtocolJson.Default.EnrollReply, Token))!.HostId,
                null
            )
            : (answer.StatusCode, null, await answer.Content.ReadFromJsonAsync(ProtocolJson.Default.Problem, Token));
    }

    private sealed class ClockBehind(TimeSpan behind) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() - behind;
    }
}
