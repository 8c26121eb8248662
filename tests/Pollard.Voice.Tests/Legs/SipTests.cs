using System.Net;
using System.Net.Sockets;
using System.Text;
using Pollard.Voice.Legs;
using Pollard.Voice.Legs.Rtp;
using Pollard.Voice.Legs.Sip;
using Pollard.Voice.Links;

namespace Pollard.Voice.Tests.Legs;

/// <summary>What a phone may do and is answered, word for word, by a phone that the test plays.</summary>
public sealed class SipTests : IAsyncDisposable
{
    private static readonly TimeSpan Minute = TimeSpan.FromSeconds(60);
    private readonly Socket _phone = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly AnsweringMachine _machine = new(static usual =>
        usual with
        {
            MostCalls = 2,
            Timing = new SipTiming { First = TimeSpan.FromMilliseconds(100) },
        }
    );

    private IPEndPoint? _from; // Of the last answer.
    private int _calls;

    public SipTests() => _phone.Bind(new IPEndPoint(IPAddress.Loopback, 0));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private IPEndPoint Here => (IPEndPoint)_phone.LocalEndPoint!;

    public async ValueTask DisposeAsync()
    {
        await _machine.DisposeAsync();
        _phone.Dispose();
    }

    [Fact]
    public async Task An_invitation_that_comes_twice_is_one_call_and_so_is_its_end()
    {
        var answer = await CallAsync("one");
        Send(Invite("one", 1)); // Our answer was late.
        Assert.Equal(answer.ToBytes(), (await ReadAsync(SipStatus.Ok)).ToBytes());

        Send(InCall("BYE", "one", 2, answer));
        Send(InCall("BYE", "one", 2, answer));
        Assert.Equal((2u, "BYE"), (await ReadAsync(SipStatus.Ok)).Sequence);
        Assert.Equal((2u, "BYE"), (await ReadAsync(SipStatus.Ok)).Sequence);
        Assert.Equal("the caller hung up", await (await _machine.CallAsync(0)).EndedAsync());
        Assert.Equal(1, _machine.Count);
    }

    [Fact]
    public async Task An_answer_is_given_again_until_it_is_confirmed_and_then_no_more()
    {
        Send(Invite("one", 1));
        var answer = await ReadAsync(SipStatus.Ok);
        Assert.Equal(answer.ToBytes(), (await ReadAsync(SipStatus.Ok)).ToBytes());
        Assert.Equal(answer.ToBytes(), (await ReadAsync(SipStatus.Ok)).ToBytes());
        Assert.Equal(0, _machine.Count);

        Send(InCall("ACK", "one", 1, answer));
        await _machine.CallAsync(0);
        Send(Request("OPTIONS", "two", 1));
        SipMessage next;
        do
        {
            next = await ReadAsync(SipStatus.Ok);
        } while (next.Sequence?.Method == "INVITE"); // One may have been on its way.

        Assert.Equal("INVITE, ACK, BYE, CANCEL, OPTIONS", next.Find("Allow"));
    }

    [Fact]
    public async Task More_calls_than_may_be_hear_that_we_are_busy_until_one_is_over()
    {
        var first = await CallAsync("one");
        await CallAsync("two");
        Send(Invite("three", 1));
        var busy = await ReadAsync(SipStatus.BusyHere);
        Assert.Equal(busy.ToBytes(), (await ReadAsync(SipStatus.BusyHere)).ToBytes()); // Until we know that it was heard.
        Send(InCall("ACK", "three", 1, busy));

        Send(InCall("BYE", "one", 2, first));
        await (await _machine.CallAsync(0)).EndedAsync();
        SipMessage last;
        var tries = 0;
        do
        {
            Send(Invite($"four{tries++}", 1)); // The place is free a moment after.
            last = await ReadAsync(SipStatus.Ok, SipStatus.BusyHere);
        } while (last.Status == SipStatus.BusyHere || last.Sequence?.Method == "BYE");
    }

    [Theory]
    [InlineData("INFO", 405)]
    [InlineData("SUBSCRIBE", 405)]
    [InlineData("DANCE", 501)]
    [InlineData("BYE", 481)]
    [InlineData("CANCEL", 481)]
    public async Task What_we_cannot_is_answered_with_what_we_can(string method, int status)
    {
        Send(Request(method, "one", 1));

        var answer = await ReadAsync(status);
        Assert.Contains($"received=127.0.0.1;rport={Here.Port}", answer.Find("Via"), StringComparison.Ordinal);
        Assert.NotNull(SipAddress.Parse(answer.Find("To")!)!.Tag);
    }

    [Theory]
    [InlineData("Call-ID: one", "X: y", 400, "Its Call-ID")]
    [InlineData("CSeq: 1 INVITE", "CSeq: 1 BYE", 400, "Its CSeq")]
    [InlineData("Contact:", "X:", 400, "Its Contact")]
    [InlineData("INVITE sip:", "INVITE tel:", 416, "Only sip:")]
    [InlineData("application/sdp", "text/plain", 415, "Only application/sdp")]
    [InlineData("RTP/AVP 0", "RTP/AVP 18", 488, "it has neither PCMU nor PCMA")]
    [InlineData("v=0", "v=9", 488, "it is no SDP")]
    [InlineData("Contact:", "Require: 100rel\r\nContact:", 420, null)]
    public async Task An_invitation_that_we_cannot_take_is_told_why(string part, string other, int status, string? why)
    {
        Send(Invite("one", 1).Replace(part, other, StringComparison.Ordinal));

        var answer = await ReadAsync(status);
        Assert.Contains(why ?? "", answer.Find("Warning") ?? "", StringComparison.Ordinal);
        Assert.Equal(status == 420 ? "100rel" : null, answer.Find("Unsupported"));
        Assert.Equal(0, _machine.Count);
    }

    [Fact]
    public async Task In_a_call_old_requests_and_those_of_others_are_refused_and_a_change_of_law_too()
    {
        var answer = await CallAsync("one");

        Send(InCall("BYE", "one", 1, answer)); // Not after the first.
        await ReadAsync(SipStatus.ServerError);
        Send(InCall("BYE", "another", 5, answer));
        await ReadAsync(SipStatus.NoSuchCall);
        Send(InCall("BYE", "one", 6, answer).Replace("tag=a", "tag=b", StringComparison.Ordinal));
        await ReadAsync(SipStatus.NoSuchCall);
        Send(Invite("one", 7, answer).Replace("RTP/AVP 0", "RTP/AVP 8", StringComparison.Ordinal));
        await ReadAsync(SipStatus.NotAcceptableHere);

        Send(InCall("BYE", "one", 8, answer));
        await ReadAsync(SipStatus.Ok);
    }

    [Fact]
    public async Task Who_ends_a_call_before_it_was_confirmed_has_confirmed_it_so()
    {
        Send(Invite("one", 1));
        var answer = await ReadAsync(SipStatus.Ok);
        Send(InCall("BYE", "one", 2, answer));
        SipMessage next;
        do
        {
            next = await ReadAsync(SipStatus.Ok);
        } while (next.Sequence?.Method == "INVITE"); // One may have been on its way.

        await _machine.DisposeAsync(); // Nothing is left to be waited for.
        Assert.Equal(0, _machine.Count);
    }

    [Fact]
    public async Task Where_no_port_is_free_for_the_sound_the_caller_hears_so()
    {
        var taken = Here.Port & ~1;
        using var even = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        if (taken != Here.Port)
        {
            even.Bind(new IPEndPoint(IPAddress.Loopback, taken)); // Or it is somebody else's, which is as good.
        }

        var full = new RtpSettings { FirstPort = taken, LastPort = taken };
        await using var machine = new AnsweringMachine(usual => usual with { Rtp = full });
        await _phone.SendToAsync(Encoding.UTF8.GetBytes(Invite("one", 1)), machine.Source.At, Token);

        Assert.Contains(
            "No port is free",
            (await ReadAsync(SipStatus.Unavailable)).Find("Warning"),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Calls_have_numbers_where_existing_services_need_them_and_one_too_many_hears_so()
    {
        var numbers = new CallNumbers();
        while (numbers.Take() is { } taken && taken.Number < 2_000)
        {
            // The last is left.
        }

        await using var machine = new AnsweringMachine(usual => usual with { Numbers = numbers });
        await _phone.SendToAsync(Encoding.UTF8.GetBytes(Invite("one", 1)), machine.Source.At, Token);
        var answer = await ReadAsync(SipStatus.Ok);
        await _phone.SendToAsync(Encoding.UTF8.GetBytes(InCall("ACK", "one", 1, answer)), machine.Source.At, Token);
        Assert.Equal("2002", (await machine.CallAsync(0)).Leg.Call.ToString());

        await _phone.SendToAsync(Encoding.UTF8.GetBytes(Invite("two", 1)), machine.Source.At, Token);
        var refused = await ReadAsync(SipStatus.BusyHere);
        Assert.Contains("All 1000 numbers of calls are taken", refused.Find("Warning"), StringComparison.Ordinal);

        await _phone.SendToAsync(Encoding.UTF8.GetBytes(InCall("BYE", "one", 2, answer)), machine.Source.At, Token);
        CallId? freed;
        while ((freed = numbers.Take()) is null)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Token);
        }

        Assert.Equal("2002", freed.ToString());
    }

    [Fact]
    public async Task Sound_follows_the_phone_to_another_place()
    {
        using var elsewhere = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        elsewhere.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var answer = await CallAsync("one");

        var port = ((IPEndPoint)elsewhere.LocalEndPoint!).Port;
        Send(Invite("one", 2, answer).Replace("m=audio 9 ", $"m=audio {port} ", StringComparison.Ordinal));
        Send(InCall("ACK", "one", 2, await ReadAsync(SipStatus.Ok)));

        var packet = new byte[500];
        Assert.Equal(
            172,
            await elsewhere.ReceiveAsync(packet, Token).AsTask().WaitAsync(Minute, TimeProvider.System, Token)
        );
    }

    [Fact]
    public async Task We_hang_up_on_the_way_on_which_the_call_came()
    {
        var through = Invite("one", 1)
            .Replace(
                "Contact:",
                $"Record-Route: <sip:{Here};lr>\r\nRecord-Route: <sip:10.0.0.2;lr>\r\nContact:",
                StringComparison.Ordinal
            );
        Send(through);
        var answer = await ReadAsync(SipStatus.Ok);
        Assert.Equal(2, answer.All("Record-Route").Count());
        Send(InCall("ACK", "one", 1, answer));

        await (await _machine.CallAsync(0)).Ending.CancelAsync();

        var bye = await ReadAsync(0);
        Assert.Equal(("BYE", $"sip:ada@{Here}"), (bye.Method, bye.Uri));
        Assert.Equal([$"<sip:{Here};lr>", "<sip:10.0.0.2;lr>"], bye.All("Route"));
        Assert.Equal("a", SipAddress.Parse(bye.Find("To")!)!.Tag);
        Assert.Equal(SipAddress.Parse(answer.Find("To")!)!.Tag, SipAddress.Parse(bye.Find("From")!)!.Tag);
    }

    [Fact]
    public async Task Strangers_and_noise_are_not_answered_and_harm_nobody()
    {
        await using var closed = new AnsweringMachine(static usual => usual with { Allows = static _ => false });
        await _phone.SendToAsync(Encoding.UTF8.GetBytes(Request("OPTIONS", "one", 1)), closed.Source.At, Token);
        var random = new Random(5);
        var bytes = new byte[300];
        string[] almost = [Invite("one", 1), Invite("two", 2), Request("ACK", "one", 1), Request("CANCEL", "one", 1)];
        for (var i = 0; i < 5_000; i++)
        {
            random.NextBytes(bytes);
            await _phone.SendToAsync(bytes.AsMemory(0, random.Next(bytes.Length)), _machine.Source.At, Token);
            var message = Mutation.Of(Encoding.UTF8.GetBytes(almost[i % almost.Length]), random);
            await _phone.SendToAsync(message, _machine.Source.At, Token);
        }

        for (var i = 0; i < 200; i++)
        {
            using var client = new TcpClient();
            await client.ConnectAsync(_machine.Source.At, Token);
            var message = Mutation.Of(Encoding.UTF8.GetBytes(almost[i % almost.Length]), random);
            await client.GetStream().WriteAsync(message, Token);
        }

        SipMessage? answer;
        do // Of the noise some is answered; and the question may not find room among it.
        {
            Send(Request("OPTIONS", "last", 1));
            using var within = CancellationTokenSource.CreateLinkedTokenSource(Token);
            within.CancelAfter(TimeSpan.FromSeconds(1));
            answer = await TryReadAsync(within.Token);
            Assert.True(answer is null || _from!.Equals(_machine.Source.At));
        } while (answer?.Find("Call-ID") != "last");

        Assert.Equal(SipStatus.Ok, answer.Status);
    }

    [Fact]
    public async Task A_connection_carries_messages_however_they_are_cut_and_ends_with_one_that_is_none()
    {
        using var client = new TcpClient();
        await client.ConnectAsync(_machine.Source.At, Token);
        var stream = client.GetStream();
        var two = Encoding.UTF8.GetBytes($"\r\n\r\n{Request("OPTIONS", "one", 1)}{Request("OPTIONS", "one", 2)}");
        foreach (var one in two)
        {
            await stream.WriteAsync(new[] { one }, Token);
        }

        var unclear = Request("OPTIONS", "one", 3).Replace("Content-Length: 0\r\n", "", StringComparison.Ordinal);
        await stream.WriteAsync(Encoding.UTF8.GetBytes(unclear), Token);
        using var reader = new StreamReader(stream);
        var all = await reader.ReadToEndAsync(Token).WaitAsync(Minute, TimeProvider.System, Token);

        Assert.Equal(
            ["SIP/2.0 200 OK", "SIP/2.0 200 OK", "SIP/2.0 400 Bad Request"],
            all.Split("\r\n").Where(static line => line.StartsWith("SIP", StringComparison.Ordinal))
        );
    }

    private string Request(string method, string callId, int number) =>
        $"{method} sip:bot@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.1.1;branch=z9hG4bK{method}{callId}{number};rport\r\n"
        + $"From: <sip:ada@127.0.0.1>;tag=a\r\nTo: <sip:bot@127.0.0.1>\r\nCall-ID: {callId}\r\n"
        + $"CSeq: {number} {method}\r\nContact: <sip:ada@{Here}>\r\nContent-Length: 0\r\n\r\n";

    private string InCall(string method, string callId, int number, SipMessage answer) =>
        Request(method, callId, number)
            .Replace("To: <sip:bot@127.0.0.1>", $"To: {answer.Find("To")}", StringComparison.Ordinal);

    private string Invite(string callId, int number, SipMessage? answer = null)
    {
        const string Sound =
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";
        var request = answer is null ? Request("INVITE", callId, number) : InCall("INVITE", callId, number, answer);
        return request.Replace(
            "Content-Length: 0\r\n\r\n",
            $"Content-Type: application/sdp\r\n\r\n{Sound}",
            StringComparison.Ordinal
        );
    }

    private async Task<SipMessage> CallAsync(string callId)
    {
        Send(Invite(callId, 1));
        var answer = await ReadAsync(SipStatus.Ok);
        Send(InCall("ACK", callId, 1, answer));
        await _machine.CallAsync(_calls++);
        return answer;
    }

    private void Send(string message) => _phone.SendTo(Encoding.UTF8.GetBytes(message), _machine.Source.At);

    // The next with one of these statuses; 0: the next request.
    private async Task<SipMessage> ReadAsync(params int[] statuses)
    {
        using var late = CancellationTokenSource.CreateLinkedTokenSource(Token);
        late.CancelAfter(Minute);
        while (true)
        {
            var message = await TryReadAsync(late.Token);
            Assert.True(message is not null, $"there was no {string.Join(" or ", statuses)}");
            if (statuses.Contains(message.Status))
            {
                return message;
            }

            Assert.True(message.Status < 200, $"{message.Status} {message.Find("Warning")}");
        }
    }

    private async Task<SipMessage?> TryReadAsync(CancellationToken ct)
    {
        var bytes = new byte[10_000];
        try
        {
            var got = await _phone.ReceiveFromAsync(bytes, new IPEndPoint(IPAddress.Any, 0), ct);
            _from = (IPEndPoint)got.RemoteEndPoint;
            Assert.Null(SipParser.Read(bytes.AsSpan(0, got.ReceivedBytes), out var message));
            return message;
        }
        catch (OperationCanceledException) when (!Token.IsCancellationRequested)
        {
            return null;
        }
    }
}
