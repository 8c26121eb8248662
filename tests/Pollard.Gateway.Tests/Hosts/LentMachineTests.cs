using System.Text;
using Pollard.Gateway.Hosts;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>What a client cannot say of a machine that a stranger lends.</summary>
public sealed class LentMachineTests
{
    private const string Rest = "\"messages\":[],\"max_tokens\":9,\"new\":[1, 2]";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(
        """{"options":{"temperature":0.5,"num_gpu":99,"num_thread":1000,"use_mlock":true,"numa":true,"brand_new":1},"keep_alive":-1}""",
        """{"options":{"temperature":0.5}}"""
    )]
    [InlineData("""{"options":{"num_ctx":4096}}""", """{"options":{"num_ctx":4096}}""")]
    [InlineData("""{"options":{"num_ctx":100000000}}""", """{"options":{}}""")]
    [InlineData("""{"options":{"num_ctx":-1}}""", """{"options":{}}""")]
    [InlineData("""{"options":{"num_ctx":"all"}}""", """{"options":{}}""")]
    [InlineData("""{"options":7,"format":"json","unknown":1}""", """{"format":"json"}""")]
    [InlineData("""{"think":"\ud800","keep_alive":-1}""", "null")]
    [InlineData("7", "null")]
    public async Task Of_Ollamas_own_words_those_go_along_that_say_how_an_answer_is_made(string native, string expected)
    {
        foreach (var name in (string[])["ollama", "oll\\u0061ma"])
        {
            var request = $"{{{Rest},\"{name}\":{native},\"x\":\"\\ud800\"}}";

            var offered = await OfferedAsync(TrustTier.Community, request);

            Assert.Equal($"{{{Rest},\"{name}\":{expected},\"x\":\"\\ud800\"}}", offered);
        }
    }

    [Fact]
    public async Task A_trusted_host_gets_what_the_client_says()
    {
        const string Request = """{"messages":[],"ollama":{"options":{"num_gpu":1},"keep_alive":-1}}""";

        Assert.Equal(Request, await OfferedAsync(TrustTier.Trusted, Request));
    }

    [Theory]
    [InlineData("no JSON at all")]
    [InlineData("[{\"ollama\":{\"keep_alive\":1}}]")]
    [InlineData("{\"a\":{\"ollama\":{\"keep_alive\":1}}}")]
    public async Task What_no_model_server_reads_stays_as_it_is(string request) =>
        Assert.Equal(request, await OfferedAsync(TrustTier.Community, request));

    private static async Task<string> OfferedAsync(TrustTier tier, string request)
    {
        await using var gateway = await LinkGateway.StartAsync();
        var host = await gateway.Registry.EnrolAsync("key", "box", new JoinTerms(tier), Token);
        var hello = RawLink.Hello.Replace("\"m\"", "\"m\",\"context\":8192", StringComparison.Ordinal);
        var link = await RawLink.OpenAsync(gateway, host!.Id, hello: hello);
        await gateway.SubmitAsync(request: request);
        var (_, payload) = await link.UntilAsync(FrameType.Offer);
        link.End();
        return Encoding.UTF8.GetString(OfferPayload.Read(payload).Request.Span);
    }
}
