using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Pollard.Gateway.Hosts;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>A host whose every request the test signs and sends itself, by whichever carrier.</summary>
internal sealed class WireHost(LinkGateway gateway, ECDsa key, string id) : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler());
    private readonly List<ClientWebSocket> _sockets = [];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public string Id => id;

    /// <summary>The frame with which every session begins.</summary>
    public static byte[] Hello
    {
        get
        {
            var frame = new ArrayBufferWriter<byte>();
            FrameWriter.Write(frame, FrameType.Hello, 0, Encoding.UTF8.GetBytes(RawLink.Hello));
            return frame.WrittenSpan.ToArray();
        }
    }

    public static async Task<WireHost> EnrolAsync(LinkGateway gateway, string name)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var publicKey = Convert.ToBase64String(key.ExportSubjectPublicKeyInfo());
        var host = await gateway.Registry.EnrolAsync(publicKey, name, JoinTerms.Usual, Token);
        return new WireHost(gateway, key, host!.Id);
    }

    /// <summary>The headers of a request that this host signs, for itself or in the name of another.</summary>
    public IReadOnlyDictionary<string, string> Sign(string method, string path, byte[] body, string? name = null)
    {
        var seconds = gateway.Server.Time.GetUtcNow().ToUnixTimeSeconds();
        var nonce = RandomNumberGenerator.GetHexString(32);
        var content = HostSignature.Content(method, path, name ?? id, seconds, nonce, body);
        var signature = key.SignData(
            content,
            HashAlgorithmName.SHA256,
            DSASignatureFormat.IeeeP1363FixedFieldConcatenation
        );
        return new Dictionary<string, string>(StringComparer.Ordinal)
        {
            [HostSignature.HostHeader] = name ?? id,
            [HostSignature.TimeHeader] = $"{seconds}",
            [HostSignature.NonceHeader] = nonce,
            [HostSignature.SignatureHeader] = Convert.ToBase64String(signature),
        };
    }

    /// <summary>The headers with which a session begins, by this carrier.</summary>
    public IReadOnlyDictionary<string, string> SignHello(string carrier, string? name = null) =>
        carrier switch
        {
            "h2" => Sign("POST", "/host/v1/link", Encoding.UTF8.GetBytes(RawLink.Hello), name),
            "ws" => Sign("GET", SocketCarrier.Path, Encoding.UTF8.GetBytes(RawLink.Hello), name),
            _ => Sign("POST", "/host/v1/turn?wait=0", Hello, name),
        };

    /// <summary>Begins a session, or says no hello at all; answers with why it was refused, or null.</summary>
    public async Task<string?> BeginAsync(
        string carrier,
        IReadOnlyDictionary<string, string> headers,
        bool saysHello = true
    ) =>
        carrier switch
        {
            "ws" => await BeginSocketAsync(headers, saysHello),
            "h2" => await BeginLinkAsync(headers, saysHello),
            _ => await RefusalOf(await SendAsync(HttpMethod.Post, "/host/v1/turn?wait=0", headers, Hello)),
        };

    /// <summary>Sends one request of carrier C.</summary>
    public async Task<HttpResponseMessage> SendAsync(
        HttpMethod method,
        string path,
        IReadOnlyDictionary<string, string> headers,
        byte[] body
    )
    {
        using var request = new HttpRequestMessage(method, new Uri(gateway.Address, path))
        {
            Content = new ByteArrayContent(body),
        };
        Add(request.Headers, headers);
        Add(request.Content.Headers, headers);
        return await _http.SendAsync(request, Token);
    }

    public void Dispose()
    {
        foreach (var socket in _sockets)
        {
            socket.Dispose();
        }

        _http.Dispose();
        key.Dispose();
    }

    private static void Add(HttpHeaders to, IReadOnlyDictionary<string, string> headers)
    {
        foreach (var (name, value) in headers)
        {
            if ((name == "Content-Range") == to is HttpContentHeaders)
            {
                to.TryAddWithoutValidation(name, value);
            }
        }
    }

    private async Task<string?> BeginLinkAsync(IReadOnlyDictionary<string, string> headers, bool saysHello)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, $"http://127.0.0.1:{gateway.Http2Port}/host/v1/link")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new OpenContent(saysHello ? Hello : []),
        };
        Add(request.Headers, headers);
        return await RefusalOf(await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Token));
    }

    private async Task<string?> BeginSocketAsync(IReadOnlyDictionary<string, string> headers, bool saysHello)
    {
        var socket = new ClientWebSocket();
        _sockets.Add(socket);
        foreach (var (name, value) in headers)
        {
            socket.Options.SetRequestHeader(name, value);
        }

        var address = new UriBuilder(gateway.Address) { Scheme = "ws", Path = SocketCarrier.Path }.Uri;
        await socket.ConnectAsync(address, Token);
        if (saysHello)
        {
            await socket.SendAsync(Hello, WebSocketMessageType.Binary, endOfMessage: true, Token);
        }

        var received = await socket.ReceiveAsync(new ArraySegment<byte>(new byte[4096]), Token);
        return received.MessageType == WebSocketMessageType.Close ? socket.CloseStatusDescription : null;
    }

    private static async Task<string?> RefusalOf(HttpResponseMessage answer) =>
        answer.IsSuccessStatusCode ? null : $"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(Token)}";

    /// <summary>A body that is not at its end before its request is.</summary>
    private sealed class OpenContent(byte[] beginning) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, Token);

        protected override async Task SerializeToStreamAsync(
            Stream stream,
            TransportContext? context,
            CancellationToken cancellationToken
        )
        {
            await stream.WriteAsync(beginning, cancellationToken);
            await stream.FlushAsync(cancellationToken);
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
