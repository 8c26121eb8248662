using Microsoft.Extensions.Time.Testing;
using Pollard.Gateway.Hosts;
using Pollard.Protocol.Api;
using Pollard.Tasks.Storage;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>Names of agents that have no key, and the secrets that they belong to.</summary>
public sealed class TokenMembersTests : IDisposable
{
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UnixEpoch.AddYears(56));
    private readonly MemoryTaskStore _store;
    private readonly JoinTokens _tokens;
    private TokenMembers _members;

    public TokenMembersTests()
    {
        _store = new MemoryTaskStore(_clock);
        _tokens = new JoinTokens(_store, _clock);
        _members = new TokenMembers(_store, _tokens, _clock);
    }

    public void Dispose() => _members.Dispose();

    [Fact]
    public async Task A_name_is_free_when_nobody_came_by_it_for_thirty_days()
    {
        await AdmitAsync("prod", await TokenAsync());

        _clock.Advance(TimeSpan.FromDays(29));
        var taken = await AdmitAsync("prod", await TokenAsync());
        _clock.Advance(TimeSpan.FromDays(2));
        var free = await AdmitAsync("prod", await TokenAsync());

        Assert.Equal(("name_taken", null), (taken, free));
    }

    [Fact]
    public async Task Who_comes_by_it_keeps_it_also_after_a_restart()
    {
        var token = await TokenAsync();
        await AdmitAsync("prod", token);
        for (var days = 0; days < 60; days += 20)
        {
            _clock.Advance(TimeSpan.FromDays(20));
            _members.Dispose();
            _members = new TokenMembers(_store, _tokens, _clock);
            Assert.Null(await AdmitAsync("prod", token));
        }

        Assert.Equal("name_taken", await AdmitAsync("prod", await TokenAsync()));
    }

    [Fact]
    public async Task A_refused_name_uses_no_token_up()
    {
        await AdmitAsync("prod", await TokenAsync());
        var token = await TokenAsync();

        await AdmitAsync("prod", token);

        Assert.Null(await AdmitAsync("test", token));
    }

    [Fact]
    public async Task A_name_whose_agents_were_shut_out_is_free()
    {
        var token = await TokenAsync();
        await AdmitAsync("prod", token);

        var free = await AdmitAsync("prod", await TokenAsync(), hash => hash == TokenMembers.HashOf(token));

        Assert.Null(free);
    }

    [Fact]
    public async Task The_terms_are_those_under_which_it_joined()
    {
        var terms = new JoinTerms(TrustTier.Community, "me", 3, ["p*"]);
        var token = (await _tokens.CreateAsync(null, 1, TimeSpan.FromDays(1), terms, Token)).Token!;
        await _members.AdmitAsync("prod", token, null, static _ => false, Token);
        _members.Dispose();
        _members = new TokenMembers(_store, _tokens, _clock);

        var (again, _) = await _members.AdmitAsync("prod", token, null, static _ => false, Token);

        Assert.Equal((terms.Tier, terms.Owner, terms.MostSlots), (again!.Tier, again.Owner, again.MostSlots));
        Assert.Equal(terms.Models, again.Models);
    }

    private async Task<string> TokenAsync() =>
        (await _tokens.CreateAsync(null, 1, TimeSpan.FromDays(1), new JoinTerms(TrustTier.Trusted), Token)).Token!;

    private async Task<string?> AdmitAsync(string name, string token, Func<string, bool>? isShutOut = null) =>
        (await _members.AdmitAsync(name, token, null, isShutOut ?? (static _ => false), Token)).Refusal?.Code;
}
