using System.Globalization;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Gateway;

/// <summary>The signed requests of carrier C.</summary>
internal static class LongPollRequests
{
    public static HttpRequestMessage Turn(
        GatewayClient gateway,
        byte[] frames,
        string? session,
        int number,
        int turn,
        TimeSpan? wait = null
    )
    {
        var seconds = (wait ?? LinkLimits.LongPollHold).TotalSeconds;
        var target = string.Create(CultureInfo.InvariantCulture, $"{TurnCarrier.TurnPath}?wait={seconds:0.###}");
        var request = Make(gateway, HttpMethod.Post, target, frames, session, number);
        request.Headers.Add(TurnCarrier.TurnHeader, turn.ToString(CultureInfo.InvariantCulture));
        return request;
    }

    public static HttpRequestMessage Output(
        GatewayClient gateway,
        uint handle,
        (uint First, uint Last) range,
        byte[] frames,
        string session,
        int number
    )
    {
        var request = Make(gateway, HttpMethod.Patch, TurnCarrier.OutputPath(handle), frames, session, number);
        request.Content!.Headers.TryAddWithoutValidation("Content-Range", $"seq {range.First}-{range.Last}/*");
        return request;
    }

    public static HttpRequestMessage Goodbye(GatewayClient gateway, string session) =>
        Make(gateway, HttpMethod.Delete, TurnCarrier.TurnPath, [], session, number: null);

    private static HttpRequestMessage Make(
        GatewayClient gateway,
        HttpMethod method,
        string target,
        byte[] frames,
        string? session,
        int? number
    )
    {
        var request = new HttpRequestMessage(method, new Uri(gateway.Address, target))
        {
            Content = new ByteArrayContent(frames),
        };
        request.Content.Headers.ContentType = new(TurnCarrier.ContentType);
        if (session is not null)
        {
            request.Headers.Add(TurnCarrier.SessionHeader, session);
        }

        if (number is { } upload && frames.Length > 0)
        {
            request.Headers.Add(TurnCarrier.UploadHeader, upload.ToString(CultureInfo.InvariantCulture));
        }

        gateway.Sign(request, frames);
        return request;
    }
}
