using Pollard.Tasks.Storage;
using static Pollard.Gateway.Tests.TestGateway;

namespace Pollard.Gateway.Tests;

/// <summary>Who is signed in with a browser: by a cookie that no other page can use.</summary>
public sealed class SessionTests
{
    private static readonly (string, string) OurPage = ("X-Pollard-Csrf", "1");

    [Fact]
    public async Task A_cookie_stands_for_the_key_that_signed_in_until_it_signs_out()
    {
        await using var gateway = await StartAsync(WithKeys);
        var browser = gateway.NewClient(null);
        var nobody = await JsonOf(browser.GetAsync("/v1/session", Token));

        var cookie = await SignInAsync(browser, gateway.Server.FirstAdminKey!);
        var session = await JsonOf(SendAsync(browser, HttpMethod.Get, "/v1/session", cookie));
        await JsonOf(SendAsync(browser, HttpMethod.Get, "/v1/keys", cookie));
        using var signedOut = await SendAsync(browser, HttpMethod.Delete, "/v1/session", cookie, OurPage);

        Assert.Equal("""{"keys_required":true}""", nobody.GetRawText());
        Assert.Equal("""{"keys_required":true,"role":"admin","name":"first admin"}""", session.GetRawText());
        Assert.Equal(204, (int)signedOut.StatusCode);
        await JsonOf(SendAsync(browser, HttpMethod.Get, "/v1/keys", cookie), 401);
    }

    [Fact]
    public async Task No_script_reads_the_cookie_and_no_other_site_sends_it()
    {
        await using var gateway = await StartAsync(WithKeys);

        using var response = await PostAsync(
            gateway.NewClient(null),
            "/v1/session",
            SignInOf(gateway.Server.FirstAdminKey!),
            OurPage
        );

        var cookie = Assert.Single(response.Headers.GetValues("Set-Cookie"));
        Assert.Contains("; samesite=strict", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("; httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(gateway.Server.FirstAdminKey!, cookie, StringComparison.Ordinal);
        Assert.Equal("no-store", response.Headers.CacheControl?.ToString());
    }

    [Fact]
    public async Task What_changes_something_needs_the_header_that_only_our_page_sends()
    {
        await using var gateway = await StartAsync(WithKeys);
        var browser = gateway.NewClient(null);
        var cookie = await SignInAsync(browser, gateway.Server.FirstAdminKey!);

        var refused = await JsonOf(SendAsync(browser, HttpMethod.Post, "/v1/keys", cookie), 403);
        var signIn = await JsonOf(PostAsync(browser, "/v1/session", SignInOf("pk_of_somebody_else")), 403);
        await JsonOf(SendAsync(browser, HttpMethod.Post, "/v1/tokens", cookie, OurPage), 201);

        Assert.Equal("urn:pollard:error:foreign_page", refused.GetProperty("type").GetString());
        Assert.Equal("urn:pollard:error:foreign_page", signIn.GetProperty("type").GetString());
    }

    [Fact]
    public async Task A_web_socket_takes_no_cookie()
    {
        await using var gateway = await StartAsync(WithKeys);
        var browser = gateway.NewClient(null);
        var cookie = await SignInAsync(browser, gateway.Server.FirstAdminKey!);

        await JsonOf(
            SendAsync(
                browser,
                HttpMethod.Get,
                "/v1/tasks/ws",
                cookie,
                ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
                ("Sec-WebSocket-Version", "13")
            ),
            401
        );
    }

    [Theory]
    [InlineData("pk_wrong", 401, "invalid_api_key")]
    [InlineData("", 401, "invalid_api_key")]
    public async Task A_wrong_key_signs_nobody_in(string key, int status, string code)
    {
        await using var gateway = await StartAsync(WithKeys);

        var problem = await JsonOf(PostAsync(gateway.NewClient(null), "/v1/session", SignInOf(key), OurPage), status);

        Assert.Equal($"urn:pollard:error:{code}", problem.GetProperty("type").GetString());
    }

    [Fact]
    public async Task A_clients_key_does_not_sign_in()
    {
        await using var gateway = await StartAsync(WithKeys);
        var key = await JsonOf(gateway.PostAsync("/v1/keys", """{"name":"one"}"""), 201);

        await JsonOf(
            PostAsync(gateway.NewClient(null), "/v1/session", SignInOf(key.GetProperty("key").GetString()!), OurPage),
            403
        );
    }

    [Fact]
    public async Task A_session_lasts_over_a_restart_and_ends_with_its_key()
    {
        var store = new MemoryTaskStore(TimeProvider.System);
        string cookie;
        string id;
        await using (var gateway = await StartAsync(WithKeys, store: store))
        {
            var key = await JsonOf(gateway.PostAsync("/v1/keys", """{"name":"ada","role":"admin"}"""), 201);
            id = key.GetProperty("id").GetString()!;
            cookie = await SignInAsync(gateway.NewClient(null), key.GetProperty("key").GetString()!);
        }

        await using var next = await StartAsync(WithKeys, store: store.Crash());
        var browser = next.NewClient(null);
        var session = await JsonOf(SendAsync(browser, HttpMethod.Get, "/v1/session", cookie));
        using var deleted = await SendAsync(browser, HttpMethod.Delete, $"/v1/keys/{id}", cookie, OurPage);

        Assert.Equal("ada", session.GetProperty("name").GetString());
        Assert.Equal(204, (int)deleted.StatusCode);
        await JsonOf(SendAsync(browser, HttpMethod.Get, "/v1/keys", cookie), 401);
    }

    [Fact]
    public async Task Without_keys_everybody_on_this_machine_is_an_admin()
    {
        await using var gateway = await StartAsync();

        var session = await JsonOf(gateway.GetAsync("/v1/session"));

        Assert.Equal("""{"keys_required":false,"role":"admin"}""", session.GetRawText());
    }

    private static GatewayOptions WithKeys(GatewayOptions options) => options with { RequireKeys = true };

    private static string SignInOf(string key) => $$"""{"key":"{{key}}"}""";

    private static async Task<string> SignInAsync(HttpClient browser, string key)
    {
        using var response = await PostAsync(browser, "/v1/session", SignInOf(key), OurPage);
        Assert.Equal(200, (int)response.StatusCode);
        return Assert.Single(response.Headers.GetValues("Set-Cookie")).Split(';')[0];
    }

    private static Task<HttpResponseMessage> SendAsync(
        HttpClient browser,
        HttpMethod method,
        string path,
        string cookie,
        params (string Name, string Value)[] headers
    )
    {
        var request = new HttpRequestMessage(method, path)
        {
            Content = method == HttpMethod.Post ? new StringContent("{}") : null,
        };
        request.Headers.TryAddWithoutValidation("Cookie", cookie);
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return browser.SendAsync(request, Token);
    }
}
