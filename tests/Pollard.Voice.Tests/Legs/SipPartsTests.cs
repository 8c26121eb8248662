using System.Net;
using System.Net.Sockets;
using System.Text;
using Pollard.Voice.Audio;
using Pollard.Voice.Legs.Sip;

namespace Pollard.Voice.Tests.Legs;

/// <summary>Messages, descriptions of sound and proofs, as they should be and as they come.</summary>
public sealed class SipPartsTests
{
    // In short names, with a folded line and several in one: all of it is allowed.
    private const string Invite = """
        INVITE sip:bot@10.0.0.1 SIP/2.0
        v: SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bKa;rport, SIP/2.0/TCP 10.0.0.8;branch=z9hG4bKb
        f: "Ada, \"the\" <first>" <sip:ada@10.0.0.9>;tag=a1
        To: <sip:bot@10.0.0.1>
        i: x@y
        CSEQ: 7
         INVITE
        Record-Route: <sip:10.0.0.8;lr>,<sip:10.0.0.7;lr>
        m: <sip:ada@10.0.0.9:5070>
        c: application/sdp
        l: 5

        v=0
        and what is behind it
        """;

    private const string Offer = """
        v=0
        o=- 1 1 IN IP4 10.0.0.9
        s=-
        c=IN IP4 10.0.0.9
        t=0 0
        m=video 4002 RTP/AVP 96
        a=inactive
        m=audio 4000 RTP/AVP 9 8 0 97
        a=rtpmap:97 telephone-event/8000
        a=sendonly
        """;

    [Fact]
    public void A_message_is_read_whichever_way_it_is_written()
    {
        Assert.Null(SipParser.Read(Bytes(Invite), out var message));

        Assert.Equal(("INVITE", "sip:bot@10.0.0.1", "v=0\r\n"), (message!.Method, message.Uri, message.Body));
        Assert.Equal((7u, "INVITE"), message.Sequence);
        Assert.Equal(2, message.All("Via").Count());
        Assert.Equal(["<sip:10.0.0.8;lr>", "<sip:10.0.0.7;lr>"], message.All("Record-Route"));
        var from = SipAddress.Parse(message.Find("from")!)!;
        Assert.Equal(("sip:ada@10.0.0.9", "a1"), (from.Uri, from.Tag));
        Assert.Null(SipParser.Read(message.ToBytes(), out var again));
        Assert.Equal(message.Lines, again!.Lines);
    }

    [Theory]
    [InlineData("", "its head does not end")]
    [InlineData("INVITE sip:a SIP/1.0\r\n\r\n", "its first line")]
    [InlineData("SIP/2.0 99 Low\r\n\r\n", "its first line")]
    [InlineData("INV\u0001TE sip:a SIP/2.0\r\n\r\n", "its first line")]
    [InlineData("INVITE sip:a SIP/2.0\r\nno name\r\n\r\n", "it has a line without a name")]
    [InlineData("INVITE sip:a SIP/2.0\r\nTo: a\nVia: b\r\n\r\n", "its To has characters")]
    [InlineData("INVITE sip:a SIP/2.0\r\nl: 9\r\n\r\nshort", "its Content-Length")]
    [InlineData("INVITE sip:a SIP/2.0\r\nl: -1\r\n\r\n", "its Content-Length")]
    [InlineData("INVITE sip:a SIP/2.0\r\nl: 99999999999\r\n\r\n", "its Content-Length")]
    public void What_is_no_message_is_told_so(string text, string problem) =>
        Assert.StartsWith(problem, SipParser.Read(Encoding.UTF8.GetBytes(text), out _), StringComparison.Ordinal);

    [Fact]
    public void Sizes_and_counts_have_bounds()
    {
        var many = "INVITE sip:a SIP/2.0\r\n" + string.Concat(Enumerable.Repeat("A: b\r\n", 200)) + "\r\n";
        var inOne = $"INVITE sip:a SIP/2.0\r\nVia: {string.Join(',', Enumerable.Repeat("b", 200))}\r\n\r\n";
        var large = $"INVITE sip:a SIP/2.0\r\nA: {new string('b', 20_000)}\r\n\r\n";
        var full = $"INVITE sip:a SIP/2.0\r\n\r\n{new string('b', 20_000)}";

        Assert.StartsWith(
            "it has more than",
            SipParser.Read(Encoding.UTF8.GetBytes(many), out _),
            StringComparison.Ordinal
        );
        Assert.StartsWith(
            "it has more than",
            SipParser.Read(Encoding.UTF8.GetBytes(inOne), out _),
            StringComparison.Ordinal
        );
        Assert.StartsWith(
            "its head does",
            SipParser.Read(Encoding.UTF8.GetBytes(large), out _),
            StringComparison.Ordinal
        );
        Assert.StartsWith(
            "its Content-",
            SipParser.Read(Encoding.UTF8.GetBytes(full), out _),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void Any_bytes_are_read_or_refused()
    {
        var random = new Random(11);
        byte[][] seeds =
        [
            Bytes(Invite),
            Bytes(Offer),
            Encoding.UTF8.GetBytes("Digest realm=\"a\", nonce=\"b\\\"\", qop=auth"),
        ];
        for (var i = 0; i < 60_000; i++)
        {
            var bytes = Mutation.Of(seeds[i % seeds.Length], random);
            var text = Encoding.UTF8.GetString(bytes);
            Sdp.Read(text, AddressFamily.InterNetwork, out var sdp);
            if (sdp is not null)
            {
                Sdp.Write(sdp.At, (1, 1), sdp.TermsWith(sdp.Laws[0]), sdp);
            }

            SipAddress.Parse(text);
            SipAddress.EndPointOf(text);
            new SipDigest("a", "b").TryTake([text]);
            SipVia.Return(text, new IPEndPoint(IPAddress.Loopback, 1));
            SipParser.Read(bytes, out var message);
            if (message is { IsRequest: true })
            {
                var answer = SipMessage.ResponseTo(message, 400, "v", "tag").ToBytes();
                Assert.Null(SipParser.Read(answer, out _)); // What we answer is a message, whatever was asked.
            }
        }
    }

    [Theory]
    [InlineData(
        "SIP/2.0/UDP 10.0.0.9:5070;branch=z;rport",
        "10.0.0.2:1024",
        "SIP/2.0/UDP 10.0.0.9:5070;branch=z;received=10.0.0.2;rport=1024"
    )]
    [InlineData(
        "SIP/2.0/UDP 10.0.0.9:5070;branch=z",
        "10.0.0.2:5070",
        "SIP/2.0/UDP 10.0.0.9:5070;branch=z;received=10.0.0.2"
    )]
    [InlineData(
        "SIP/2.0/UDP phone.example;branch=z",
        "10.0.0.2:5060",
        "SIP/2.0/UDP phone.example;branch=z;received=10.0.0.2"
    )]
    public void Answers_go_back_to_where_a_request_came_from(string via, string to, string said)
    {
        var back = SipVia.Return(via, IPEndPoint.Parse("10.0.0.2:1024"));

        Assert.Equal((IPEndPoint.Parse(to), said), back);
    }

    [Theory]
    [InlineData("sip:ada@10.0.0.1:5062;transport=tcp", "10.0.0.1:5062")]
    [InlineData("sip:10.0.0.1", "10.0.0.1:5060")]
    [InlineData("SIP:a:b@[::1]:99?x=y", "[::1]:99")]
    [InlineData("sip:ada@example.org", null)]
    [InlineData("sips:ada@10.0.0.1", null)]
    [InlineData("sip:ada@10.0.0.1:99999", null)]
    public void Addresses_in_numbers_can_be_reached(string uri, string? at) =>
        Assert.Equal(at is null ? null : IPEndPoint.Parse(at), SipAddress.EndPointOf(uri));

    [Fact]
    public void The_stream_of_sound_is_found_and_others_are_refused()
    {
        Assert.Null(Sdp.Read(Offer, AddressFamily.InterNetwork, out var sdp));

        Assert.Equal(IPEndPoint.Parse("10.0.0.9:4000"), sdp!.At);
        Assert.Equal([G711Law.A, G711Law.Mu], sdp.Laws);
        Assert.Equal(((byte?)97, false, true), (sdp.EventType, sdp.Hears, sdp.Sends));
        var answer = Sdp.Write(IPEndPoint.Parse("10.0.0.1:6000"), (5, 2), sdp.TermsWith(G711Law.A), sdp);
        var streams = answer.Split("\r\n").Where(static line => line.StartsWith("m=", StringComparison.Ordinal));
        Assert.Equal(["m=video 0 RTP/AVP 96", "m=audio 6000 RTP/AVP 8 97"], streams);
        Assert.Contains("a=recvonly\r\n", answer, StringComparison.Ordinal);
        Assert.Null(Sdp.Read(answer, AddressFamily.InterNetwork, out var ours));
        Assert.Equal((false, true), (ours!.Sends, ours.Hears));
    }

    [Fact]
    public void What_we_offer_is_both_laws_and_keys()
    {
        Assert.Null(
            Sdp.Read(
                Sdp.Write(IPEndPoint.Parse("[::1]:6000"), (5, 1), null, null),
                AddressFamily.InterNetworkV6,
                out var sdp
            )
        );

        Assert.Equal(IPEndPoint.Parse("[::1]:6000"), sdp!.At);
        Assert.Equal([G711Law.Mu, G711Law.A], sdp.Laws);
        Assert.Equal(((byte?)101, true, true), (sdp.EventType, sdp.Hears, sdp.Sends));
    }

    [Theory]
    [InlineData("c=IN IP4 10.0.0.9", "c=IN IP4 0.0.0.0", null)]
    [InlineData("c=IN IP4 10.0.0.9", "c=IN IP4 phone.example", "it does not say in numbers")]
    [InlineData("c=IN IP4 10.0.0.9", "c=IN IP6 ::1", "it does not say in numbers, and such as ours")]
    [InlineData("m=video 4002 RTP/AVP 96", "m=video", "it has more than 8 streams, or one that is none")]
    [InlineData("RTP/AVP 9 8 0 97", "RTP/AVP 9 97", "it has neither PCMU nor PCMA")]
    [InlineData("m=audio 4000 RTP/AVP", "m=audio 4000 RTP/SAVP", "its streams are not sound")]
    [InlineData("m=audio 4000", "m=audio 0", "its stream of sound has no port")]
    [InlineData("m=audio 4000", "m=audio 70000", "its stream of sound has no port")]
    [InlineData("v=0", "v=1", "it is no SDP")]
    public void Sound_that_we_cannot_is_told_so(string part, string other, string? problem)
    {
        var told = Sdp.Read(
            Offer.Replace(part, other, StringComparison.Ordinal),
            AddressFamily.InterNetwork,
            out var sdp
        );

        Assert.StartsWith(problem ?? "", told ?? "", StringComparison.Ordinal);
        Assert.Equal(problem is null, sdp is { Hears: false, Sends: false }); // All zeros are hold.
    }

    [Theory] // RFC 2617, 3.5, and RFC 7616, 3.9.1.
    [InlineData(
        "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
        "Circle Of Life",
        "0a4f113b",
        "6629fae49393a05397450978507c4ef1"
    )]
    [InlineData(
        "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=MD5, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\"",
        "Circle of Life",
        "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        "8ca523f5e9506fed4657c9700eebdbec"
    )]
    [InlineData(
        "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\"",
        "Circle of Life",
        "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
    )]
    public void A_password_is_proved_as_the_standards_show(
        string challenge,
        string password,
        string nonce,
        string response
    )
    {
        var digest = new SipDigest("Mufasa", password);
        Assert.True(digest.TryTake(["Basic realm=\"x\"", challenge]));

        var proof = digest.Authorize("GET", "/dir/index.html", nonce);

        Assert.Contains($"response=\"{response}\"", proof, StringComparison.Ordinal);
        Assert.Contains("nc=00000001", proof, StringComparison.Ordinal);
        Assert.Contains("nc=00000002", digest.Authorize("GET", "/", nonce), StringComparison.Ordinal);
    }

    [Fact]
    public void The_stronger_proof_is_given_and_none_that_is_not_known()
    {
        var digest = new SipDigest("a", "b");
        Assert.False(digest.TryTake(["Digest realm=\"r\", nonce=\"n\", algorithm=SHA-512-256"]));
        Assert.Null(digest.Authorize("REGISTER", "sip:r", "c"));

        Assert.True(
            digest.TryTake([
                "Digest realm=\"r\", nonce=\"n\", algorithm=MD5",
                "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256, stale=TRUE",
            ])
        );

        Assert.True(digest.IsStale);
        var proof = digest.Authorize("REGISTER", "sip:r", "c");
        Assert.Contains("algorithm=SHA-256", proof, StringComparison.Ordinal);
        Assert.DoesNotContain("nc=", proof, StringComparison.Ordinal); // It did not ask for counting.
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text.ReplaceLineEndings("\r\n"));
}
