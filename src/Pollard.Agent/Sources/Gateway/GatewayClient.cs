using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Gateway;

/// <summary>The gateway's plain endpoints: where its carriers are, how to join; and the signature of everything after that.</summary>
internal sealed class GatewayClient(
    Uri address,
    HostIdentity identity,
    TimeProvider time,
    Action<SocketsHttpHandler> configure
)
{
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(10);
    private const int MostNetworks = 8;
    private static readonly TimeSpan Trifle = TimeSpan.FromSeconds(2); // Dates are whole seconds, and take their time to come.
    private LinkDirectory? _directory;
    private TimeSpan _clockOff; // The gateway's clock less ours.

    /// <summary>The gateway's address.</summary>
    public Uri Address => address;

    /// <summary>The clock.</summary>
    public TimeProvider Time => time;

    /// <summary>Where carrier A is; known after <see cref="LookUpAsync"/>.</summary>
    public Uri Http2Address =>
        _directory?.Http2Port is { } port ? new UriBuilder(address) { Port = port }.Uri : address;

    /// <summary>What is remembered of this gateway.</summary>
    public GatewayMemory? Memory => identity.Find(address);

    /// <summary>A client with connections of its own; the caller disposes it.</summary>
    public HttpMessageInvoker NewClient()
    {
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = TimeSpan.FromSeconds(5),
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
        };
        configure(handler);
        return new HttpMessageInvoker(handler, disposeHandler: true);
    }

    /// <summary>Asks where the carriers are.</summary>
    public async Task LookUpAsync(CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(address, "/host/v1"));
        var directory = await ExchangeAsync(request, ProtocolJson.Default.LinkDirectory, ct);
        if (directory.ProtocolMin > LinkLimits.ProtocolVersion || directory.ProtocolMax < LinkLimits.ProtocolVersion)
        {
            throw new LinkRefusedException(
                "protocol",
                $"the gateway speaks versions {directory.ProtocolMin} to {directory.ProtocolMax} of the host link, this agent {LinkLimits.ProtocolVersion}; update the older one"
            );
        }

        _directory = directory;
    }

    /// <summary>Joins, and remembers the id.</summary>
    public async Task EnrollAsync(string name, string? joinToken, CancellationToken ct)
    {
        var body = new EnrollRequest
        {
            PublicKey = identity.PublicKey,
            Name = name,
            JoinToken = joinToken,
        };
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(address, "/host/v1/enroll"))
        {
            Content = new ByteArrayContent(
                JsonSerializer.SerializeToUtf8Bytes(body, ProtocolJson.Default.EnrollRequest)
            ),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        var reply = await ExchangeAsync(request, ProtocolJson.Default.EnrollReply, ct);
        identity.Remember(address, new GatewayMemory(reply.HostId, Memory?.Networks));
    }

    /// <summary>What is remembered of the way from here.</summary>
    public NetworkMemory Recall(string network) =>
        Memory?.Networks?.FirstOrDefault(known => known.Network == network) ?? new NetworkMemory(network);

    /// <summary>Remembers something of the way from here.</summary>
    public void Remember(NetworkMemory way)
    {
        if (Memory is { } memory && Recall(way.Network) != way)
        {
            var others = (memory.Networks ?? []).Where(known => known.Network != way.Network);
            identity.Remember(address, memory with { Networks = [.. others.TakeLast(MostNetworks - 1), way] });
        }
    }

    /// <summary>Signs a request whose signed body is <paramref name="body"/>.</summary>
    public void Sign(HttpRequestMessage request, ReadOnlySpan<byte> body)
    {
        var host = Memory?.HostId ?? throw new InvalidOperationException("The host is not enrolled yet.");
        var seconds = (time.GetUtcNow() + _clockOff).ToUnixTimeSeconds();
        var nonce = RandomNumberGenerator.GetHexString(32, lowercase: true);
        var content = HostSignature.Content(
            request.Method.Method,
            request.RequestUri!.PathAndQuery,
            host,
            seconds,
            nonce,
            body
        );
        request.Headers.Add(HostSignature.HostHeader, host);
        request.Headers.Add(HostSignature.TimeHeader, seconds.ToString(CultureInfo.InvariantCulture));
        request.Headers.Add(HostSignature.NonceHeader, nonce);
        request.Headers.Add(HostSignature.SignatureHeader, identity.Sign(content));
    }

    /// <summary>What an answer other than success means: the gateway's own refusal, or a carrier that does not get through.</summary>
    public static async Task<Exception> RefusalAsync(HttpResponseMessage response, CancellationToken ct)
    {
        var status = (int)response.StatusCode;
        if (response.Content.Headers.ContentType?.MediaType is "application/problem+json")
        {
            var body = await response.Content.ReadAsByteArrayAsync(ct);
            var problem = LinkJson.Read(body, ProtocolJson.Default.Problem);
            var code = problem.Type.Split(':')[^1];
            var message = problem.Detail ?? problem.Title;
            return response.StatusCode == HttpStatusCode.Unauthorized
                ? new LinkRefusedException(code, message)
                : new HttpRequestException($"the gateway answers {status}: {message}", null, response.StatusCode);
        }

        return new HttpRequestException($"the answer is {status}", null, response.StatusCode);
    }

    private async Task<T> ExchangeAsync<T>(
        HttpRequestMessage request,
        System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> shape,
        CancellationToken ct
    )
        where T : class
    {
        using var client = NewClient();
        using var late = new CancellationTokenSource(AnswerWithin, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
        try
        {
            using var response = await client.SendAsync(request, either.Token);
            HeedClock(response.Headers.Date);
            return response.IsSuccessStatusCode
                ? LinkJson.Read(await response.Content.ReadAsByteArrayAsync(either.Token), shape)
                : throw await RefusalAsync(response, either.Token);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new HttpRequestException($"no answer came within {AnswerWithin.TotalSeconds:0} seconds", e);
        }
    }

    // A gateway that has just started takes nothing stamped before, and clocks of homes are off by seconds. No more than a
    // signature may be off: who sits between and sets the date must not get one that is good on a far day.
    private void HeedClock(DateTimeOffset? gatewayNow)
    {
        var off = gatewayNow - time.GetUtcNow() ?? TimeSpan.Zero;
        _clockOff = off.Duration() > Trifle && off.Duration() <= LinkLimits.ClockTolerance ? off : TimeSpan.Zero;
    }
}
