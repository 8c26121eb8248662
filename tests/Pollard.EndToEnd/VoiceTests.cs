using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>Phone calls through real processes with real engines: started in any order, killed in the middle.</summary>
public sealed class VoiceTests : IAsyncDisposable
{
    private readonly SpokenChain _chain = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _chain.DisposeAsync();

    [Fact]
    public async Task A_spoken_question_is_answered_and_the_answer_is_understood()
    {
        await _chain.StartGatewayAsync();
        _chain.Start("all");
        var (result, code) = await _chain.CallAsync("--out", _chain.File("answer.wav"));
        Assert.Equal(0, code);
        var turn = Assert.Single(result.GetProperty("turns").EnumerateArray());
        Assert.Equal("what time is it", turn.GetProperty("heard").GetString());
        Assert.Equal(
            [SpokenChain.Answer],
            turn.GetProperty("answer").EnumerateArray().Select(static one => one.GetString())
        );
        Assert.Equal(SpokenChain.Understood, await _chain.RecogniseAsync("answer.wav"));

        var service = Assert.Single((await _chain.StatusAsync()).EnumerateArray());
        var roles = service.GetProperty("roles").EnumerateArray().Select(static one => one.GetString());
        Assert.Equal(["inbound", "llm", "outbound", "stt", "tts"], roles);
        Assert.All(
            service.GetProperty("calls").EnumerateObject(),
            static stage => Assert.Equal(0, stage.Value.GetArrayLength())
        );
        Assert.Empty(Directory.GetFiles(_chain.File("calls")));
    }

    [Fact]
    public async Task Services_find_each_other_in_whatever_order_they_start()
    {
        await _chain.StartGatewayAsync();
        var all = OrdersOf(["inbound", "stt", "llm", "tts", "outbound"]).ToList();
        // Each takes some seconds: all of them on demand, otherwise a few. In one process each is tried, see CallTests.
        var every = Environment.GetEnvironmentVariable("POLLARD_START_ORDERS") == "120" ? 1 : 60;
        for (var i = 0; i < all.Count; i += every)
        {
            var played = _chain.File($"played{i}.wav");
            foreach (var service in all[i])
            {
                string[] end = service switch
                {
                    "inbound" => ["--call", $"order-{i}", "--wav", _chain.Asked, "--stay", "5m"],
                    "outbound" => ["--call", $"order-{i}", "--wav", played],
                    _ => [],
                };
                _chain.Start(service, wrapper: null, end);
                await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(0, 300)), TimeProvider.System, Token);
            }

            var order = string.Join(", ", all[i]);
            await _chain["outbound"].UntilAsync(_chain.IsAnsweredAsync, $"all was answered: {order}");
            await _chain["inbound"].StopAsync(); // The caller hangs up.
            Assert.Equal(0, await _chain["outbound"].UntilExitAsync());
            var understood = await _chain.RecogniseAsync(played);
            Assert.True(understood == SpokenChain.Understood, $"{order}: \"{understood}\" {_chain.Outputs()}");
            await _chain.StopAllAsync();
        }
    }

    [Theory]
    [InlineData("stt")]
    [InlineData("llm")]
    [InlineData("tts")]
    public async Task A_service_that_is_killed_in_the_middle_of_a_call_is_not_missed_when_it_is_back(string victim)
    {
        await _chain.StartGatewayAsync(tokensPerSecond: 4); // The answer takes its time.
        foreach (var service in (string[])["stt", "llm", "tts"])
        {
            _chain.Start(service);
        }

        await using var call = _chain.Dial("--out", _chain.File("answer.wav"));
        var moment = victim == "stt" ? "the whole chain has the call" : "heard ";
        await call.UntilAsync(_ => Task.FromResult(call.Output.Contains(moment, StringComparison.Ordinal)), moment);
        await _chain.KillAsync(victim);
        _chain.Start(victim);

        Assert.True(await call.UntilExitAsync() == 0, call.Output + _chain.Outputs());
        Assert.Contains("heard \"what time is it\"", call.Output, StringComparison.Ordinal);
        Assert.Equal(SpokenChain.Understood, await _chain.RecogniseAsync("answer.wav"));
    }

    [Fact]
    public async Task Services_with_a_secret_let_nobody_in_who_does_not_know_it()
    {
        await _chain.StartGatewayAsync();
        var secret = _chain.File("secret");
        await File.WriteAllTextAsync(secret, "between us", Token);
        _chain.Start("all", wrapper: null, "--voice-secret-file", secret);
        var (_, refused) = await _chain.CallAsync("--wait", "4s");
        Assert.Equal(1, refused);
        var (result, code) = await _chain.CallAsync("--voice-secret-file", secret);
        Assert.True(code == 0, result + _chain.Outputs());
    }

    private static IEnumerable<IReadOnlyList<string>> OrdersOf(IReadOnlyList<string> services) =>
        services.Count == 1
            ? [services]
            : services.SelectMany(first =>
                OrdersOf([.. services.Where(one => one != first)])
                    .Select(rest => (IReadOnlyList<string>)[first, .. rest])
            );
}
