using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Voice.Links;
using Pollard.Voice.Stages;
using Pollard.Voice.Tests.Links;

namespace Pollard.Voice.Tests.Stages;

/// <summary>A stage of ours in the middle of existing services, as the command line puts it there.</summary>
public sealed class ExistingNeighboursTests
{
    private static readonly CallId Call = CallId.Parse("66");

    [Fact]
    public async Task Our_model_stage_takes_the_place_of_an_existing_one()
    {
        var (port, model) = (RawPeer.FreePort(), new ScriptedModel());
        using var tts = new RawPeer(0);
        await using var host = new VoiceHost(
            new VoiceSettings
            {
                Roles = new HashSet<string>(StringComparer.Ordinal) { VoiceRole.Llm },
                Model = model,
                Answers = new LlmSettings { System = null },
                Existing = new ExistingServices
                {
                    Roles = new HashSet<string>(StringComparer.Ordinal) { VoiceRole.Stt, VoiceRole.Tts },
                    Llm = new IPEndPoint(IPAddress.Loopback, port),
                    Tts = new IPEndPoint(IPAddress.Loopback, tts.Port),
                },
            },
            NullLogger.Instance
        );
        using var over = new CancellationTokenSource();
        var running = host.RunAsync(over.Token);

        using var stt = await RawPeer.ConnectAsync(port);
        stt.Write([.. Hello.Of(Call), 0, 0, 0, 5, .. "hello"u8]);
        using var speech = await tts.AcceptAsync();
        Assert.Equal(Hello.Of(Call), await speech.ReadAsync(6));
        var asked = await model.AskedAsync();
        Assert.Equal(["u: hello"], asked.Talk);
        asked.Answer("Good morning. Who is there?");
        Assert.Equal([0, 0, 0, 13, .. "Good morning."u8], await speech.ReadAsync(17));
        Assert.Equal([0, 0, 0, 13, .. "Who is there?"u8], await speech.ReadAsync(17));

        stt.Write([0xFF, 0xFF, 0xFF, 0xFF]);
        Assert.Equal([0xFF, 0xFF, 0xFF, 0xFF], await speech.ReadAsync(4));
        await over.CancelAsync();
        await running;
    }
}
