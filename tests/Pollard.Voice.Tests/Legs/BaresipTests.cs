using Pollard.Voice.Audio;
using Pollard.Voice.Tests.Audio;

namespace Pollard.Voice.Tests.Legs;

/// <summary>Calls of a real phone.</summary>
public sealed class BaresipTests
{
    [Theory]
    [InlineData("PCMU", "")]
    [InlineData("PCMA", "")]
    [InlineData("PCMU", ";transport=tcp")]
    public async Task A_phone_and_we_hear_each_other_and_its_keys_and_it_hangs_up(string law, string carrier)
    {
        await using var machine = new AnsweringMachine();
        await using var phone = await BaresipPhone.StartAsync($";audio_codecs={law}/8000/1");

        await phone.TellAsync("dial", $"sip:machine@{machine.Source.At}{carrier}");
        await phone.HappenedAsync("CALL_ESTABLISHED");
        var call = await machine.CallAsync(0);
        await call.Ear.UntilAsync(static ear => ear.Samples.Length > 2 * G711.Rate);
        await phone.TellAsync("sndcode", "159#");
        await call.Ear.UntilAsync(static ear => ear.Keys.Length == 4);
        await phone.TellAsync("hangup");

        Assert.Equal("the caller hung up", await call.EndedAsync());
        Assert.Equal("159#", call.Ear.Keys);
        Assert.Equal(law == "PCMU" ? G711Law.Mu : G711Law.A, call.Leg.Playout.Law);
        Assert.InRange(Tones.Best(call.Ear.Samples, BaresipPhone.Tone), 0.95, 1.05);
        Assert.InRange(Tones.Best(await phone.HeardAsync(), AnsweringMachine.ToneOf(0)), 0.95, 1.05);
    }

    [Fact]
    public async Task On_hold_what_is_to_be_said_waits_and_afterwards_it_is_said()
    {
        await using var machine = new AnsweringMachine(toneSeconds: 0);
        await using var phone = await BaresipPhone.StartAsync(";audio_codecs=PCMU/8000/1");
        await phone.TellAsync("dial", $"sip:machine@{machine.Source.At}");
        await phone.HappenedAsync("CALL_ESTABLISHED");
        var call = await machine.CallAsync(0);
        await call.Ear.UntilAsync(static ear => ear.Samples.Length > G711.Rate);

        await phone.TellAsync("hold");
        await call.Ear.UntilAsync(static ear => IsSilent(ear.Samples, G711.Rate / 2));
        var mark = new SpeechMark(1, 0, 2);
        call.Leg.Playout.TryAdd(Packed(Sound.Tone(0.2f, 1, G711.Rate, 1_000)), mark);
        call.Leg.Playout.End(mark);
        var before = call.Ear.Samples.Length;
        await call.Ear.UntilAsync(ear => ear.Samples.Length > before + G711.Rate);
        Assert.Equal(TimeSpan.FromSeconds(1), call.Leg.Playout.Depth);

        await phone.TellAsync("resume");
        await call.Ear.UntilAsync(_ => call.Leg.Playout.Depth == TimeSpan.Zero);
        await call.Ear.UntilAsync(static ear => !IsSilent(ear.Samples, G711.Rate / 2));
    }

    [Fact]
    public async Task A_phone_is_told_that_we_hang_up()
    {
        await using var machine = new AnsweringMachine();
        await using var phone = await BaresipPhone.StartAsync("");
        await phone.TellAsync("dial", $"sip:machine@{machine.Source.At}");
        await phone.HappenedAsync("CALL_ESTABLISHED");
        var call = await machine.CallAsync(0);

        await call.Ending.CancelAsync();

        Assert.Equal("this side has ended it", await call.EndedAsync());
        await phone.HappenedAsync("CALL_CLOSED");
    }

    private static byte[] Packed(float[] samples)
    {
        var codes = new byte[samples.Length];
        G711.Encode(G711Law.Mu, samples, codes);
        return codes;
    }

    private static bool IsSilent(float[] heard, int samples) =>
        heard.Length >= samples && heard[^samples..].All(static sample => sample == 0);
}
