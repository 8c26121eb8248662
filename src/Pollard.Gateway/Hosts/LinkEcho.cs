using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Hosts;

/// <summary>The gateway's half of <see cref="LinkTest"/>.</summary>
internal static class LinkEcho
{
    /// <summary>True for a request that only tries a carrier.</summary>
    public static bool IsAsked(HttpRequest request) => request.QueryString.Value == LinkTest.Query;

    /// <summary>Sends back what it hears until the host has heard enough.</summary>
    public static async Task RunAsync(IDuplexPipe link, TimeProvider time, CancellationToken ct)
    {
        using var late = new CancellationTokenSource(LinkTest.GatewayWithin, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
        var left = LinkTest.MostBytes;
        try
        {
            while (left > 0)
            {
                var read = await link.Input.ReadAsync(either.Token);
                foreach (var piece in read.Buffer.Slice(0, Math.Min(left, read.Buffer.Length)))
                {
                    await link.Output.WriteAsync(piece, either.Token);
                    left -= piece.Length;
                }

                link.Input.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                {
                    return;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The host is gone, or was in no hurry.
        }
    }
}
