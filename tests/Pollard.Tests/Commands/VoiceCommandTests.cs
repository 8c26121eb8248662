using System.Net;
using System.Net.Sockets;
using Pollard.Tests.Support;

namespace Pollard.Tests.Commands;

public sealed class VoiceCommandTests
{
    [Theory]
    [InlineData(
        "There are --tcp and --rtp; a call has one of them.",
        "inbound",
        "--tcp",
        "127.0.0.1:1",
        "--rtp",
        "127.0.0.1:2"
    )]
    [InlineData("--rtp is \"here\"; write a machine and a port such as 127.0.0.1:4000.", "inbound", "--rtp", "here")]
    [InlineData("--tcp is \"127.0.0.1:0\"; write a machine", "inbound", "--tcp", "127.0.0.1:0")]
    [InlineData(
        "--pcm is \"s16@8000\"; --rtp has mulaw or alaw.",
        "outbound",
        "--rtp",
        "127.0.0.1:2",
        "--pcm",
        "s16@8000"
    )]
    [InlineData("--pcm is \"mp3\"; write s16@RATE", "inbound", "--tcp", "127.0.0.1:1", "--pcm", "mp3")]
    [InlineData("--pcm has 16000 samples a second; a caller hears 8000.", "outbound", "--pcm", "s16@16000")]
    [InlineData("nowhere.wav cannot be read", "inbound", "--wav", "nowhere.wav")]
    public async Task Sound_that_cannot_be_is_a_wrong_call(string words, params string[] arguments)
    {
        using var shell = new TestShell();

        var code = await shell.RunAsync(["voice", .. arguments]);

        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains(words, shell.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_place_that_cannot_be_had_or_reached_is_a_failure_that_says_which()
    {
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        using var speaks = new TestShell();
        using var hears = new TestShell();

        var spoke = await speaks.RunAsync("voice", "inbound", "--rtp", $"{taken.LocalEndPoint}");
        var heard = await hears.RunAsync("voice", "outbound", "--tcp", "127.0.0.1:1", "--call", "7");

        Assert.Equal((ExitCode.Failed, ExitCode.Failed), (spoke, heard));
        Assert.Contains(
            $"Udp port {((IPEndPoint)taken.LocalEndPoint!).Port} at 127.0.0.1 cannot be used",
            speaks.Error,
            StringComparison.Ordinal
        );
        Assert.Contains("Call 7 cannot be heard at 127.0.0.1:1", hears.Error, StringComparison.Ordinal);
    }
}
