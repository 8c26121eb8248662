using System.Net;
using Pollard.Configuration;
using Pollard.Voice.Links;

namespace Pollard.Tests.Configuration;

/// <summary>Places of voice services, as people write them.</summary>
public sealed class VoiceOptionsTests
{
    [Theory]
    [InlineData("0.0.0.0:7663", "0.0.0.0:7663")]
    [InlineData("[::]:7663", "[::]:7663")]
    [InlineData("10.0.0.4:7663", "10.0.0.4:7663")]
    [InlineData("localhost:7663", "127.0.0.1:7663")]
    public void A_place_to_listen_at_is_an_address_or_a_name_of_this_machine(string text, string expected)
    {
        var place = VoiceOptions.Place(text, "--tts", "127.0.0.1:7663");
        Assert.Equal(IPEndPoint.Parse(expected).Port, place.Port);
        Assert.True(
            place.Equals(IPEndPoint.Parse(expected)) || IPAddress.IsLoopback(place.Address),
            $"{text} is {place}"
        );
    }

    [Theory]
    [InlineData("7663")]
    [InlineData("localhost")]
    [InlineData("localhost:0")]
    [InlineData("localhost:99999")]
    [InlineData("no such name:7663")]
    [InlineData("nowhere.invalid:7663")]
    public void What_is_no_place_is_a_usage_error(string text) =>
        Assert.Throws<UsageException>(() => VoiceOptions.Place(text, "--tts", "127.0.0.1:7663"));

    [Fact]
    public void Existing_services_are_called_as_the_contract_has_it_and_as_the_options_say()
    {
        var usual = Retry();
        Assert.Equal((10, false, 5), (usual.Tries, usual.GivesUp, usual.ShortWaits));
        Assert.Equal(TimeSpan.FromMilliseconds(200), usual.ShortWait);
        Assert.Equal(TimeSpan.FromSeconds(1), usual.LongWait);
        var own = Retry("--existing-tries", "3", "--existing-wait", "50ms", "--existing-long-wait", "2s");
        Assert.Equal((3, true), (own.Tries, own.GivesUp));
        Assert.Equal(TimeSpan.FromMilliseconds(50), own.ShortWait);
        Assert.Equal(TimeSpan.FromSeconds(10), own.MostWait);
        Assert.Throws<UsageException>(static () => Retry("--existing-wait", "1ms"));
        Assert.Throws<UsageException>(static () => Retry("--existing-long-wait", "2m"));
        Assert.Throws<UsageException>(static () => Retry("--existing-tries", "-1"));
    }

    private static ConnectRetry Retry(params string[] arguments)
    {
        var command = CommandLine.Build(Shell.OfProcess());
        var parsed = command.Parse(["voice", "llm", .. arguments]);
        return ExistingOptions.ReadRetry(Settings.Read(parsed, static _ => null));
    }
}
