using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Pollard.Voice.Legs.Sip;

namespace Pollard.Voice.Tests.Legs;

/// <summary>Registrations at a registrar that the test plays, which wants a password.</summary>
public sealed partial class SipRegistrationTests : IDisposable
{
    private readonly Socket _registrar = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private IPEndPoint? _from;
    private uint _last;

    public SipRegistrationTests() => _registrar.Bind(new IPEndPoint(IPAddress.Loopback, 0));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static TimeSpan Minute => TimeSpan.FromSeconds(60);

    public void Dispose() => _registrar.Dispose();

    [Theory]
    [InlineData("MD5")]
    [InlineData("SHA-256")]
    public async Task It_is_proved_who_we_are_said_again_in_time_and_taken_back(string algorithm)
    {
        var machine = NewMachine("secret");
        Answer(await ReadAsync(), 401, Challenge(algorithm, "n1"));
        var proved = await ReadAsync();
        AssertProof(proved, algorithm, "n1", 1);
        Assert.Contains("username=\"bot\"", proved.Find("Authorization"), StringComparison.Ordinal);
        Assert.Equal($"<sip:bot@{machine.Source.At}>", proved.Find("Contact"));
        Answer(proved, 200, $"Contact: {proved.Find("Contact")};expires=2");

        var again = await ReadAsync(); // After one of the two seconds.
        var account = machine.Source.Account!;
        Assert.Equal(
            ("bot", _registrar.LocalEndPoint!.ToString(), null),
            (account.User, account.Registrar, account.LastFailure)
        );
        Assert.Equal(account.RegisteredSince, account.LastRegistered);
        Assert.Equal(TimeSpan.FromSeconds(1), (account.NextTry - account.LastRegistered)!.Value);
        AssertProof(again, algorithm, "n1", 2); // The same question may be answered once more.
        Answer(again, 401, Challenge(algorithm, "n2") + ", stale=true");
        var stale = await ReadAsync();
        AssertProof(stale, algorithm, "n2", 1);
        Answer(stale, 200, "Expires: 600");

        var ending = machine.DisposeAsync().AsTask();
        var last = await ReadAsync();
        Assert.Equal("0", last.Find("Expires"));
        AssertProof(last, algorithm, "n2", 2);
        Answer(last, 200);
        await ending.WaitAsync(Minute, TimeProvider.System, Token);
    }

    [Fact]
    public async Task A_wrong_password_and_a_registrar_that_fails_are_tried_again_later_and_calls_are_taken_meanwhile()
    {
        var machine = NewMachine("wrong");
        Answer(await ReadAsync(), 401, Challenge("MD5", "n1"));
        Answer(await ReadAsync(), 401, Challenge("MD5", "n2"));
        var second = await ReadAsync(); // Another time, with what was asked last.
        AssertProof(second, "MD5", "n2", 1, "wrong");
        var account = machine.Source.Account!;
        Assert.Equal((null, null), (account.RegisteredSince, account.LastRegistered));
        Assert.StartsWith("401", account.LastFailure, StringComparison.Ordinal);
        Assert.NotNull(account.NextTry);
        Answer(second, 503);
        var third = await ReadAsync();
        Assert.StartsWith("503", machine.Source.Account!.LastFailure, StringComparison.Ordinal);
        Answer(third, 423, "Min-Expires: 700");
        var fourth = await ReadAsync();
        Assert.Equal("700", fourth.Find("Expires"));
        Answer(fourth, 403);

        var ending = machine.DisposeAsync().AsTask(); // It never was registered, and so it takes nothing back.
        await ending.WaitAsync(Minute, TimeProvider.System, Token);
    }

    [Fact]
    public async Task By_tcp_calls_come_on_the_connection_on_which_it_was_registered()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var at = (IPEndPoint)listener.LocalEndpoint;
        var registrar = new SipRegistrar
        {
            At = at,
            IsTcp = true,
            User = "bot",
            Password = "secret",
            Domain = "example.org",
        };
        var machine = new AnsweringMachine(usual => usual with { Registrar = registrar, Allows = static _ => false });
        using var client = await listener.AcceptTcpClientAsync(Token);

        var request = await ReadMessageAsync(client);
        Assert.Equal(("sip:example.org", "<sip:bot@example.org>"), (request.Uri, request.Find("To")));
        Assert.EndsWith(";transport=tcp>", request.Find("Contact"), StringComparison.Ordinal);
        await AnswerAsync(request);
        var asked = SipMessage
            .Request("OPTIONS", "sip:bot@example.org")
            .Add("Via", "SIP/2.0/TCP 10.0.0.1;branch=z9hG4bKx");
        asked
            .Add("From", "<sip:a@b>;tag=1")
            .Add("To", "<sip:bot@example.org>")
            .Add("Call-ID", "c")
            .Add("CSeq", "1 OPTIONS");
        await client.GetStream().WriteAsync(asked.ToBytes(), Token);
        Assert.Equal(200, (await ReadMessageAsync(client)).Status);

        var ending = machine.DisposeAsync().AsTask();
        var last = await ReadMessageAsync(client);
        Assert.Equal("0", last.Find("Expires"));
        await AnswerAsync(last);
        await ending.WaitAsync(Minute, TimeProvider.System, Token);

        async Task AnswerAsync(SipMessage to) =>
            await client.GetStream().WriteAsync(SipMessage.ResponseTo(to, 200, to.Find("Via")!, "r").ToBytes(), Token);
    }

    private static async Task<SipMessage> ReadMessageAsync(TcpClient client)
    {
        using var late = CancellationTokenSource.CreateLinkedTokenSource(Token);
        late.CancelAfter(Minute);
        List<byte> bytes = [];
        var one = new byte[1];
        while (SipParser.HeadBytesOf([.. bytes]) < 0) // None of them has a body.
        {
            await client.GetStream().ReadExactlyAsync(one, late.Token);
            bytes.Add(one[0]);
        }

        Assert.Null(SipParser.Read([.. bytes], out var message));
        return message!;
    }

    private static string Challenge(string algorithm, string nonce) =>
        $"WWW-Authenticate: Digest realm=\"here\", nonce=\"{nonce}\", algorithm={algorithm}, qop=\"auth\"";

    private static void AssertProof(
        SipMessage request,
        string algorithm,
        string nonce,
        int count,
        string password = "secret"
    )
    {
        var proof = ProofParts
            .Matches(request.Find("Authorization") ?? "")
            .ToDictionary(static part => part.Groups["name"].Value, static part => part.Groups["value"].Value);
        var secret = Hash($"bot:here:{password}");
        var asked = Hash($"REGISTER:{proof["uri"]}");
        Assert.Equal((nonce, $"{count:x8}", request.Uri), (proof["nonce"], proof["nc"], proof["uri"]));
        Assert.Equal(Hash($"{secret}:{nonce}:{proof["nc"]}:{proof["cnonce"]}:auth:{asked}"), proof["response"]);

        string Hash(string text) =>
            Convert.ToHexStringLower(
                CryptographicOperations.HashData(
                    algorithm == "MD5" ? HashAlgorithmName.MD5 : HashAlgorithmName.SHA256,
                    Encoding.UTF8.GetBytes(text)
                )
            );
    }

    private AnsweringMachine NewMachine(string password) =>
        new(usual =>
            usual with
            {
                Registrar = new SipRegistrar
                {
                    At = (IPEndPoint)_registrar.LocalEndPoint!,
                    User = "bot",
                    Password = password,
                    FirstRetry = TimeSpan.FromMilliseconds(10),
                },
            }
        );

    // The next that is not the last one once more, as it comes when our answer is slow.
    private async Task<SipMessage> ReadAsync()
    {
        var bytes = new byte[10_000];
        while (true)
        {
            var got = await _registrar
                .ReceiveFromAsync(bytes, new IPEndPoint(IPAddress.Any, 0), Token)
                .AsTask()
                .WaitAsync(Minute, TimeProvider.System, Token);
            _from = (IPEndPoint)got.RemoteEndPoint;
            Assert.Null(SipParser.Read(bytes.AsSpan(0, got.ReceivedBytes), out var message));
            Assert.Equal("REGISTER", message!.Method);
            if (message.Sequence!.Value.Number > _last)
            {
                _last = message.Sequence.Value.Number;
                return message;
            }
        }
    }

    private void Answer(SipMessage request, int status, string line = "X: y")
    {
        var answer = SipMessage.ResponseTo(request, status, request.Find("Via")!, "r");
        var colon = line.IndexOf(':', StringComparison.Ordinal);
        _registrar.SendTo(answer.Add(line[..colon], line[(colon + 1)..].Trim()).ToBytes(), _from!);
    }

    [GeneratedRegex("(?<name>[a-z]+)=\"?(?<value>[^\",]+)\"?", RegexOptions.NonBacktracking)]
    private static partial Regex ProofParts { get; }
}
