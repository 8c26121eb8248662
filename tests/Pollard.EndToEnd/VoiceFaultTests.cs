using System.Text.Json;
using Pollard.Bench.Machine;
using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>Calls whose services are cut off, freeze, or lose what is sent to them.</summary>
public sealed class VoiceFaultTests : IAsyncDisposable
{
    private readonly SpokenChain _chain = new();

    public ValueTask DisposeAsync() => _chain.DisposeAsync();

    [Fact]
    public async Task Speech_that_is_cut_off_without_a_word_is_noticed_and_the_call_goes_on_when_it_is_back()
    {
        using var network = MachineNetwork.TryCreate(machines: 1, out var why);
        Assert.SkipWhen(network is null, why);
        var machine = network.Machines[0];
        var port = SpokenChain.ServicePort();
        await StartAsync();
        _chain.Tts = $"0.0.0.0:{port}";
        _chain.Start("tts", machine.Wrapper, "--allow", network.Address);
        _chain.Tts = $"{machine.Address}:{port}";
        _chain.Start("llm");
        await using var call = await CallAsync();

        machine.Unplug();
        await _chain["llm"].UntilAsync(_ => HasLinkAsync("llm-tts", "suspect", "down"), "the link is suspected");
        await _chain["llm"].UntilAsync(_ => HasLinkAsync("llm-tts", "down"), "the link is down");
        machine.Plug();
        await AnsweredAsync(call);
    }

    [Fact]
    public async Task Speech_that_freezes_is_noticed_though_its_machine_answers_and_the_call_goes_on_when_it_thaws()
    {
        await StartAsync();
        _chain.Start("tts");
        _chain.Start("llm");
        await using var call = await CallAsync();

        await _chain["tts"].SignalAsync("STOP");
        await _chain["llm"].UntilAsync(_ => HasLinkAsync("llm-tts", "down"), "the link is down");
        await _chain["tts"].SignalAsync("CONT");
        await AnsweredAsync(call);
    }

    [Theory]
    [InlineData(30)]
    [InlineData(60)]
    public async Task A_call_finds_recognition_though_datagrams_are_lost(int percent)
    {
        using var network = MachineNetwork.TryCreate(machines: 1, out var why);
        Assert.SkipWhen(network is null, why);
        var machine = network.Machines[0];
        await StartAsync(hasStt: false);
        SystemTool.Must([
            .. machine.Wrapper,
            "nft",
            $"add table inet loss; add chain inet loss in {{ type filter hook input priority 0; }}; add rule inet loss in udp dport 13000 numgen random mod 100 < {percent} drop",
        ]);
        _chain.Start("stt", machine.Wrapper, "--existing", "inbound", "--existing-host", network.Address);
        for (var call = 4; call < 16; call += 2)
        {
            await using var inbound = PollardProcess.Start(
                "voice",
                "inbound",
                "--existing",
                "stt",
                "--existing-host",
                machine.Address,
                "--call",
                $"{call}",
                "--wav",
                _chain.Asked,
                "--stay",
                "1m"
            );
            await inbound.UntilAsync(
                _ => Task.FromResult(inbound.Output.Contains("what time is it", StringComparison.Ordinal)),
                $"call {call} is heard {_chain.Outputs()}"
            );
        }
    }

    private async Task StartAsync(bool hasStt = true)
    {
        await _chain.StartGatewayAsync(tokensPerSecond: 2); // Time enough for what happens in between.
        if (hasStt)
        {
            _chain.Start("stt");
        }
    }

    /// <summary>A call that waits for its answer.</summary>
    private async Task<PollardProcess> CallAsync()
    {
        var call = _chain.Dial("--out", _chain.File("answer.wav"));
        await call.UntilAsync(
            _ => Task.FromResult(call.Output.Contains("heard ", StringComparison.Ordinal)),
            "the question is heard"
        );
        return call;
    }

    private async Task AnsweredAsync(PollardProcess call)
    {
        Assert.True(await call.UntilExitAsync() == 0, call.Output + _chain.Outputs());
        Assert.Equal(SpokenChain.Understood, await _chain.RecogniseAsync("answer.wav"));
    }

    private async Task<bool> HasLinkAsync(string name, params string[] states) =>
        (await _chain.StatusAsync())
            .EnumerateArray()
            .SelectMany(static service => service.GetProperty("links").EnumerateArray())
            .Any(link =>
                Text(link, "name").StartsWith(name, StringComparison.Ordinal) && states.Contains(Text(link, "state"))
            );

    private static string Text(JsonElement link, string name) => link.GetProperty(name).GetString() ?? "";
}
