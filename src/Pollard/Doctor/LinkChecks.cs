using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
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
    private const string Http2 = "link h2";
    private const string Turn = "link turn";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    /// <summary>Both carriers; nothing when no gateway answers, which another check says.</summary>
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

        var address = directory.Http2Port is { } port ? new UriBuilder(gateway) { Port = port }.Uri : gateway;
        var http2 = await TryAsync(new Uri(address, "/host/v1/link"), HttpVersion.Version20, ct);
        var turn = await TryAsync(new Uri(gateway, TurnCarrier.TurnPath + "?wait=0"), HttpVersion.Version11, ct);
        return [Http2Result(address, http2, turn), TurnResult(gateway, http2, turn)];
    }

    private static CheckResult Http2Result(Uri address, string? problem, string? turnProblem)
    {
        var found = $"{Shown(address)}: {problem ?? "gets through; agents use it"}";
        var way = $"let connections to {address.Authority} through, and every proxy on the way pass HTTP/2 on";
        return problem is null ? CheckResult.Ok(Http2, found)
            : turnProblem is null
                ? CheckResult.Warn(Http2, found, $"Agents use the long poll instead, which is slower. Better: {way}.")
            : CheckResult.Fail(Http2, found, $"No agent can link from here. Either {way}, or mend the long poll.");
    }

    private static CheckResult TurnResult(Uri address, string? http2Problem, string? problem)
    {
        var use = http2Problem is null ? "gets through, if it is ever needed" : "gets through; agents use it";
        var found = $"{Shown(address)}: {problem ?? use}";
        return problem is null ? CheckResult.Ok(Turn, found)
            : http2Problem is null
                ? CheckResult.Warn(Turn, found, "It is needed only where HTTP/2 does not get through.")
            : CheckResult.Fail(Turn, found, "Let POST requests to /host/ pass, with their bodies as they are.");
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
