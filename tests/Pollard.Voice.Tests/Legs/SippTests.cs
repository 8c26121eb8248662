using System.Net;
using System.Net.Sockets;
using Pollard.Voice.Audio;
using Pollard.Voice.Legs.Sip;
using Pollard.Voice.Tests.Audio;

namespace Pollard.Voice.Tests.Legs;

/// <summary>Calls by sipp, which plays phones in large numbers and with bad manners.</summary>
public sealed class SippTests
{
    [Theory]
    [InlineData("u1", "127.0.0.1")]
    [InlineData("t1", "127.0.0.1")]
    [InlineData("u1", "::1")]
    public async Task Fifty_calls_at_once_each_hear_their_own_tone_and_hang_up(string carrier, string address)
    {
        Assert.SkipUnless(address != "::1" || Socket.OSSupportsIPv6, "This machine has no IPv6.");
        var at = new IPEndPoint(IPAddress.Parse(address), 0);
        await using var machine = new AnsweringMachine(usual => usual with { At = at });

        // It sends back each packet of sound, so that each call must hear what was said to it.
        await SippAsync(
            machine,
            "-sn",
            "uac",
            "-t",
            carrier,
            "-m",
            "50",
            "-l",
            "50",
            "-r",
            "50",
            "-d",
            "2500",
            "-rtp_echo"
        );

        Assert.Equal(50, machine.Count);
        for (var number = 0; number < machine.Count; number++)
        {
            var call = await machine.CallAsync(number);
            Assert.Equal("the caller hung up", await call.EndedAsync());
            var heard = call.Ear.Samples;
            Assert.InRange(heard.Length, 8_000, 60_000);
            Assert.InRange(Tones.Best(heard, AnsweringMachine.ToneOf(number)), 0.95, 1.05);
        }
    }

    [Fact]
    public async Task Sound_that_we_cannot_is_refused()
    {
        await using var machine = new AnsweringMachine();

        await SippAsync(machine, Scenario("wrong-sdp", "-m", "20"));

        Assert.Equal(0, machine.Count);
    }

    [Fact]
    public async Task Who_hangs_up_while_it_rings_has_no_call()
    {
        await using var machine = new AnsweringMachine(static usual =>
            usual with
            {
                RingFor = TimeSpan.FromSeconds(30),
            }
        );

        await SippAsync(machine, Scenario("cancel", "-m", "20"));

        Assert.Equal(0, machine.Count);
    }

    [Fact]
    public async Task A_phone_that_never_confirms_is_told_that_it_is_over_and_is_nobodys_call()
    {
        var soon = new SipTiming { First = TimeSpan.FromMilliseconds(20) };
        await using var machine = new AnsweringMachine(usual => usual with { Timing = soon });

        await SippAsync(machine, Scenario("lost-ack", "-m", "20"));

        Assert.Equal(0, machine.Count);
    }

    [Theory]
    [InlineData("reinvite", 'u')]
    [InlineData("late-offer", 'A')]
    public async Task What_is_agreed_later_holds(string scenario, char law)
    {
        await using var machine = new AnsweringMachine();

        await SippAsync(machine, Scenario(scenario, "-m", "1", "-rtp_echo"));

        var call = await machine.CallAsync(0);
        Assert.Equal("the caller hung up", await call.EndedAsync());
        Assert.Equal(law == 'A' ? G711Law.A : G711Law.Mu, call.Leg.Playout.Law);
        Assert.InRange(Tones.Best(call.Ear.Samples, AnsweringMachine.ToneOf(0)), 0.95, 1.05);
    }

    private static string[] Scenario(string name, params string[] more) =>
        ["-sf", Path.Combine(AppContext.BaseDirectory, "Legs", "scenarios", $"{name}.xml"), .. more];

    private static async Task SippAsync(AnsweringMachine machine, params string[] arguments)
    {
        var at = machine.Source.At;
        string[] usual =
        [
            at.ToString(),
            "-i",
            at.Address.ToString(),
            "-mp",
            $"{FreePort()}",
            "-nostdin",
            "-timeout",
            "60s",
        ];
        await Tool.RunAsync("sipp", [.. usual, .. arguments]);
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port & ~1;
    }
}
