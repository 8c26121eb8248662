using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;
using Pollard.Gateway.Hosts;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using Pollard.Tasks.Storage;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests.Andy;

/// <summary>Hosts of the pool have no keys. They are audited all the same, and what was found out meets who comes back.</summary>
public sealed class GuestTests : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private const string Model = "andy-4";
    private const string Elsewhere = "127.0.0.2";
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddDays(20_000));
    private readonly CancellationTokenSource _over = CancellationTokenSource.CreateLinkedTokenSource(Token);
    private readonly List<Task> _serving = [];
    private readonly MemoryTaskStore _store;
    private TestGateway? _gateway;

    public GuestTests() => _store = new MemoryTaskStore(_time);

    private TestGateway Gateway => _gateway!;

    private HostRegistry Registry => Gateway.Server.Hosts.Registry;

    [Fact]
    public async Task A_host_that_answers_wrongly_gets_no_more_work_and_hears_what_it_always_hears()
    {
        await StartAsync();
        ServeTrusted();
        var client = Box(Gateway.Client);
        await client.JoinAsync();
        var (id, first) = (IdOf("andy:box"), client.Id);
        using var serving = new CancellationTokenSource();
        Serve(client, static _ => "I am a very good model.", serving.Token);

        await UntilAsync(async () => await StateAsync(id) == "quarantined");
        await serving.CancelAsync();
        await _serving[^1];
        await client.JoinAsync(); // Started anew: it is the same.
        await Gateway.Engine.SubmitAsync(Chat(id), Token);
        var nothing = await AskAsync(client);
        var ping = await client.PingAsync();
        var audits = await ShowAsync(id);
        using var released = await Gateway.PostAsync($"/v1/hosts/{id}/release", "");
        var work = await AskAsync(client);

        Assert.Equal((HttpStatusCode.OK, first), (ping, client.Id));
        Assert.Null(nothing);
        Assert.Equal((4, 4), (audits.Audited, audits.Failed));
        Assert.NotNull(work);
        Assert.Equal("online", await StateAsync(id));
    }

    [Fact]
    public async Task A_model_with_which_nobody_gives_the_words_is_no_hosts_fault()
    {
        await StartAsync();
        var client = Box(Gateway.Client);
        await client.JoinAsync();
        var id = IdOf("andy:box");
        var answered = 0;
        Serve(client, _ => $"I dig {answered++} blocks.", _over.Token);

        await UntilAsync(() => Task.FromResult(answered > 0));
        await RoundsAsync(20);

        Assert.Equal(0, (await ShowAsync(id)).Audited);
    }

    [Fact]
    public async Task Where_one_host_of_the_pool_gives_the_words_another_is_blamed()
    {
        await StartAsync();
        using var away = Gateway.NewClientAt(Elsewhere);
        var right = Web(away);
        await right.JoinAsync();
        Serve(right, static asked => asked.Split(": ")[^1], _over.Token);
        await UntilAsync(async () => (await ShowAsync(IdOf("andy:web"))).Audited > 0);
        var wrong = Box(Gateway.Client);
        await wrong.JoinAsync();
        Serve(wrong, static _ => "no", _over.Token);

        await UntilAsync(async () => (await ShowAsync(IdOf("andy:box"))).Failed > 0);

        Assert.Equal((1, 0), ((await ShowAsync(IdOf("andy:web"))).Audited, (await ShowAsync(IdOf("andy:web"))).Failed));
    }

    [Fact]
    public async Task The_shape_of_its_answers_is_looked_at()
    {
        await StartAsync();
        var client = Box(Gateway.Client);
        await client.JoinAsync();
        var id = IdOf("andy:box");
        Serve(client, static _ => " ", _over.Token);
        await Gateway.Engine.SubmitAsync(Chat(id), Token);

        await UntilAsync(async () => (await ShowAsync(id)).Misshapen > 0);

        Assert.StartsWith("empty: ", (await ShowAsync(id)).Evidence[0].Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_comes_back_by_its_name_and_address_is_the_same_also_after_a_restart()
    {
        await StartAsync();
        var client = Box(Gateway.Client);
        await client.JoinAsync();
        var id = IdOf("andy:box");
        await Registry.SetQuarantinedAsync(id, quarantined: true, Token);
        await client.LeaveAsync();
        Assert.Equal("quarantined", await StateAsync(id)); // An admin sees it while it is away too.
        await Gateway.DisposeAsync();
        await StartAsync();

        client = Box(Gateway.Client);
        await client.JoinAsync();

        Assert.Equal(id, IdOf("andy:box"));
        Assert.True(Gateway.Engine.Hosts.List().Single().Draining);
    }

    [Fact]
    public async Task Others_at_its_address_get_work_but_the_first_audit_that_they_fail_is_enough()
    {
        await StartAsync();
        ServeTrusted();
        var client = Box(Gateway.Client);
        await client.JoinAsync();
        var bad = IdOf("andy:box");
        await Registry.SetQuarantinedAsync(bad, quarantined: true, Token);
        using var away = Gateway.NewClientAt(Elsewhere);
        await new AndyClient(away, Generation.Of("2"), Model).JoinAsync(); // Of the same name.
        var neighbour = Web(Gateway.Client);
        await neighbour.JoinAsync();
        var id = IdOf("andy:web");
        var elsewhere = Gateway
            .Engine.Hosts.List()
            .Single(host => host.Description.Name == "andy:box" && host.Description.Id != bad);

        var score = (await ShowAsync(id)).Score;
        Assert.InRange(score, 5, 9);
        Assert.Equal("online", await StateAsync(id));
        Assert.Equal(0, (await ShowAsync(elsewhere.Description.Id)).Score);
        Serve(neighbour, static _ => "no", _over.Token);
        await UntilAsync(async () => await StateAsync(id) == "quarantined");
        Assert.Equal(1, (await ShowAsync(id)).Failed);
    }

    [Fact]
    public async Task Who_leaves_and_did_nothing_is_forgotten()
    {
        await StartAsync();
        var client = Box(Gateway.Client);
        await client.JoinAsync();
        var id = IdOf("andy:box");

        await client.LeaveAsync();

        Assert.Null(Registry.Find(id));
        Assert.Empty(await _store.ReadRecordsAsync("host", Token));
    }

    [Fact]
    public async Task Who_was_shut_out_does_not_come_in_again()
    {
        await StartAsync();
        var client = Box(Gateway.Client);
        await client.JoinAsync();

        using var revoked = await Gateway.PostAsync($"/v1/hosts/{IdOf("andy:box")}/revoke", "");
        var ping = await client.PingAsync();
        var refusal = await JsonOf(client.CallAsync("join_pool", Generation.Of("3").Join([Model])), 403);

        Assert.Equal(HttpStatusCode.NotFound, ping);
        Assert.Contains("shut this host out", refusal.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_of_the_WebSocket_is_the_same_by_its_id()
    {
        await StartAsync();
        string clientId;
        using (var first = await AndySocketClient.JoinAsync(Gateway, 7, (Model, 1)))
        {
            clientId = first.Id;
            await Registry.SetQuarantinedAsync(IdOf("andy:ollama"), quarantined: true, Token);
        }

        await UntilAsync(() => Task.FromResult(Gateway.Engine.Hosts.List().Count == 0));
        using var again = await AndySocketClient.OpenAsync(Gateway, 7);
        await again.RegisterAsync([(Model, 1)], clientId);
        using var other = await AndySocketClient.JoinAsync(Gateway, 7, (Model, 1));
        var hosts = Gateway.Engine.Hosts.List();

        Assert.Equal([false, true], hosts.Select(static host => host.Draining).Order());
        var doubted = hosts.Single(static host => !host.Draining).Description.Id;
        Assert.InRange((await ShowAsync(doubted)).Score, 5, 9);
    }

    [Fact]
    public async Task No_signature_speaks_for_a_guest()
    {
        await StartAsync();
        await Box(Gateway.Client).JoinAsync();
        var request = new HttpRequestMessage(HttpMethod.Post, "/host/v1/turn");
        foreach (
            var (name, value) in ((string, string)[])
                [
                    (HostSignature.HostHeader, IdOf("andy:box")),
                    (HostSignature.NonceHeader, "0123456789abcdef"),
                    (HostSignature.SignatureHeader, Convert.ToBase64String(new byte[64])),
                    (HostSignature.TimeHeader, $"{_time.GetUtcNow().ToUnixTimeSeconds()}"),
                ]
        )
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using var reply = await Gateway.Client.SendAsync(request, Token);

        Assert.Equal(HttpStatusCode.Unauthorized, reply.StatusCode);
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await Task.WhenAll(_serving);
        if (_gateway is not null)
        {
            await _gateway.DisposeAsync();
        }

        _over.Dispose();
    }

    private static AndyClient Box(HttpClient http) => new(http, Generation.Of("3"), Model);

    private static AndyClient Web(HttpClient http) => new(http, Generation.Of("3b"), Model);

    private static NewTask Chat(string hostId) =>
        new()
        {
            Owner = "",
            Kind = "chat",
            Model = Model,
            Request = """{"model":"andy-4","messages":[{"role":"user","content":"Hi"}]}"""u8.ToArray(),
            Requires = new() { Host = hostId },
        };

    // Past its first minute, in which nobody is blamed.
    private async Task StartAsync()
    {
        _gateway = await TestGateway.StartAsync(
            static options => options with { AuditShare = 0.000_001 },
            store: _store,
            time: _time
        );
        _time.Advance(TimeSpan.FromMinutes(1));
    }

    private void Serve(AndyClient client, Func<string, string> answer, CancellationToken ct) =>
        _serving.Add(UntilOverAsync(AnswerAllAsync(client, answer, ct)));

    private static async Task AnswerAllAsync(AndyClient client, Func<string, string> answer, CancellationToken ct)
    {
        while (true)
        {
            if (await client.AskAsync(ct: ct) is { } work)
            {
                var message = new JsonObject { ["content"] = answer(AskedIn(work)) };
                await client.SubmitAsync(work, new() { ["result"] = new JsonObject { ["message"] = message } });
            }
        }
    }

    // A trusted host that gives the words.
    private void ServeTrusted()
    {
        var host = FakeHost.Connect(Gateway.Engine, "friend", TrustTier.Trusted, Model);
        _serving.Add(
            UntilOverAsync(host.AnswerAllAsync(static request => AskedIn(request).Split(": ")[^1], _over.Token))
        );
    }

    private static async Task UntilOverAsync(Task serving)
    {
        try
        {
            await serving;
        }
        catch (OperationCanceledException)
        {
            // The test has seen enough.
        }
    }

    private static string AskedIn(JsonElement work) =>
        work.GetProperty("messages").EnumerateArray().Last().GetProperty("content").GetString()!;

    private string IdOf(string name) =>
        Gateway.Engine.Hosts.List().Last(host => host.Description.Name == name).Description.Id;

    private async Task<JsonElement?> AskAsync(AndyClient client)
    {
        var asked = client.AskAsync(ct: Token);
        await UntilAsync(() => Task.FromResult(asked.IsCompleted));
        return await asked;
    }

    private Task RoundsAsync(int count)
    {
        var left = count;
        return UntilAsync(() => Task.FromResult(left-- <= 0));
    }

    // Lets the clock go on, and the gateway and the hosts do what is due, until this is so.
    private async Task UntilAsync(Func<Task<bool>> isSo)
    {
        var began = TimeProvider.System.GetTimestamp(); // Of the machine: how many rounds a busy one needs nobody knows.
        while (!await isSo())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(began) < Patience, "it does not come to that");
            if (_serving.Find(static host => host.IsFaulted) is { } broken)
            {
                await broken; // It will not come to that, for this reason.
            }

            _time.Advance(TimeSpan.FromSeconds(1));
            (await Gateway.GetAsync("/health")).Dispose();
            // Hosts are to keep up with the clock on a busy machine too: one that is silent for too long is gone.
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, Token);
        }
    }

    private async Task<HostAudits> ShowAsync(string id) =>
        JsonSerializer.Deserialize(
            await TextOf(Gateway.GetAsync($"/v1/hosts/{id}/audits")),
            ProtocolJson.Default.HostAudits
        )!;

    private async Task<string?> StateAsync(string id) =>
        (await JsonOf(Gateway.GetAsync("/v1/hosts")))
            .GetProperty("hosts")
            .EnumerateArray()
            .Single(host => host.GetProperty("id").GetString() == id)
            .GetProperty("state")
            .GetString();
}
