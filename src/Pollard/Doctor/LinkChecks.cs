using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Net.WebSockets;
using Pollard.Output;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Doctor;

/// <summary>
/// Which carrier of the host link gets through from here to a gateway. Each is asked with a hello that nobody signed: that the
/// gateway itself refuses it shows that the way is open, and nothing is enrolled.
/// </summary>
internal sealed class LinkChecks(HttpClient http, TimeProvider time)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    /// <summary>All carriers; nothing when no gateway answers, which another check says.</summary>
    public async Task<IReadOnlyList<CheckResult>> RunAsync(Uri gateway, CancellationToken ct)
    {
        LinkDirectory directory;
        try
        {
            directory = await LimitedAsync(token => AskAsync(new Uri(gateway, "/host/v1"), token), ct);
        }
        catch (HttpRequestException e) when (e.StatusCode is null)
        {
            return [];
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return [];
        }
        catch (Exception e) when (e is HttpRequestException or LinkException)
        {
            return
            [
                CheckResult.Warn(
                    "link",
                    $"/host/v1 is not answered as a gateway does: {e.Message}",
                    "No agent can link from here. Where one is to, let the proxy before the gateway pass on /host/ too."
                ),
            ];
        }

        var http2 = directory.Http2Port is { } port ? new UriBuilder(gateway) { Port = port }.Uri : gateway;
        Tried[] tried =
        [
            new(
                "link h2",
                http2,
                await TryAsync(new Uri(http2, "/host/v1/link"), HttpVersion.Version20, ct),
                $"let connections to {http2.Authority} through, and every proxy on the way pass HTTP/2 on"
            ),
            new(
                "link ws",
                gateway,
                await TrySocketAsync(gateway, ct),
                "let every proxy on the way pass on the headers Upgrade and Connection of requests to /host/v1/ws"
            ),
            new(
                "link turn",
                gateway,
                await TryAsync(new Uri(gateway, TurnCarrier.TurnPath + "?wait=0"), HttpVersion.Version11, ct),
                "let POST requests to /host/ pass, with their bodies as they are"
            ),
        ];
        var used = Array.FindIndex(tried, static one => one.Problem is null);
        return [.. tried.Select((one, rank) => Judge(one, rank, used < 0 ? null : (used, tried[used])))];
    }

    /// <summary>A carrier that was tried; the best come first.</summary>
    private sealed record Tried(string Name, Uri Address, string? Problem, string Way);

    private static CheckResult Judge(Tried one, int rank, (int Rank, Tried Carrier)? used)
    {
        var use = used?.Rank == rank ? "gets through; agents use it" : "gets through, if it is ever needed";
        var found = $"{Shown(one.Address)}: {one.Problem ?? use}";
        return one.Problem is null ? CheckResult.Ok(one.Name, found)
            : used is not { } other
                ? CheckResult.Fail(
                    one.Name,
                    found,
                    $"No agent can link from here. Mend one of them; for this one: {one.Way}."
                )
            : rank < other.Rank
                ? CheckResult.Warn(one.Name, found, $"Agents use {other.Carrier.Name} instead. Better: {one.Way}.")
            : CheckResult.Warn(one.Name, found, $"It is needed only where {other.Carrier.Name} does not get through.");
    }

    private async Task<string?> TrySocketAsync(Uri gateway, CancellationToken ct)
    {
        UriBuilder address = new(gateway) { Path = SocketCarrier.Path };
        address.Scheme = address.Scheme == Uri.UriSchemeHttps ? Uri.UriSchemeWss : Uri.UriSchemeWs;
        using ClientWebSocket socket = new();
        try
        {
            return await LimitedAsync(
                async token =>
                {
                    await socket.ConnectAsync(address.Uri, http, token);
                    var link = SocketCarrier.Open(socket);
                    FrameWriter.Write(link.Output, FrameType.Hello, 0, "{}"u8);
                    await link.Output.FlushAsync(token);
                    await link.Input.ReadAsync(token);
                    return
                        SocketCarrier.ReadRefusal(socket.CloseStatusDescription).Code == HostSignature.UnauthorizedCode
                        ? null
                        : "something other than the gateway answers";
                },
                ct
            );
        }
        catch (Exception e) when (e is WebSocketException or IOException)
        {
            return e.Message;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return $"no answer within {Limit.TotalSeconds:0} s";
        }
    }

    private async Task<LinkDirectory> AskAsync(Uri url, CancellationToken ct)
    {
        using var response = await http.GetAsync(url, ct);
        response.EnsureSuccessStatusCode();
        return LinkJson.Read(await response.Content.ReadAsByteArrayAsync(ct), ProtocolJson.Default.LinkDirectory);
    }

    /// <summary>What stands in the way; null when nothing does.</summary>
    private async Task<string?> TryAsync(Uri url, Version version, CancellationToken ct)
    {
        var streams = version == HttpVersion.Version20;
        using var hello = new Hello(streams);
        try
        {
            return await LimitedAsync(token => SayAsync(url, version, hello, token), ct);
        }
        catch (HttpRequestException e)
        {
            return e.Message;
        }
        catch (Exception e) when (e is LinkException or IOException)
        {
            return "something other than the gateway answers";
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            var keeps = streams ? "; something on the way may hold back what is streamed" : "";
            return $"no answer within {Limit.TotalSeconds:0} s{keeps}";
        }
        finally
        {
            hello.End();
        }
    }

    private async Task<string?> SayAsync(Uri url, Version version, Hello hello, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, url)
        {
            Version = version,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = hello,
        };
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
        if (response.Content.Headers.ContentType?.MediaType is not "application/problem+json")
        {
            return $"something other than the gateway answers: {(int)response.StatusCode}";
        }

        var problem = LinkJson.Read(await response.Content.ReadAsByteArrayAsync(ct), ProtocolJson.Default.Problem);
        return problem.Type.EndsWith(":" + HostSignature.UnauthorizedCode, StringComparison.Ordinal)
            ? null
            : problem.Detail ?? problem.Title;
    }

    private async Task<T> LimitedAsync<T>(Func<CancellationToken, Task<T>> call, CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(Limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        return await call(either.Token);
    }

    private static string Shown(Uri url) => url.GetLeftPart(UriPartial.Authority);

    /// <summary>A hello; on a stream the body then stays open, as a link's does: a proxy that waits for its end is found out.</summary>
    private sealed class Hello : HttpContent
    {
        private readonly bool _staysOpen;
        private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly ArrayBufferWriter<byte> _frame = new();

        public Hello(bool staysOpen)
        {
            _staysOpen = staysOpen;
            FrameWriter.Write(_frame, FrameType.Hello, 0, "{}"u8);
            Headers.ContentType = new MediaTypeHeaderValue(TurnCarrier.ContentType);
        }

        public void End() => _end.TrySetResult();

        protected override async Task SerializeToStreamAsync(
            Stream stream,
            TransportContext? context,
            CancellationToken cancellationToken
        )
        {
            await stream.WriteAsync(_frame.WrittenMemory, cancellationToken);
            await stream.FlushAsync(cancellationToken);
            if (_staysOpen)
            {
                await _end.Task.WaitAsync(cancellationToken);
            }
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None); // The runtime's old form, without a token.

        protected override bool TryComputeLength(out long length)
        {
            length = _frame.WrittenCount;
            return !_staysOpen;
        }
    }
}
