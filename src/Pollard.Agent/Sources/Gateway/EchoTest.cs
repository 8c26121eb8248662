using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Gateway;

/// <summary>The agent's half of <see cref="LinkTest"/>.</summary>
internal static class EchoTest
{
    /// <summary>True when both bytes came back in time; false for whatever else happened.</summary>
    /// <exception cref="LinkRefusedException">The gateway does not let this host in.</exception>
    public static async Task<bool> PassAsync(
        Func<CancellationToken, Task<LinkConnection>> open,
        TimeProvider time,
        CancellationToken ct
    )
    {
        using var late = new CancellationTokenSource(LinkTest.Within, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
        try
        {
            await using var connection = await open(either.Token);
            if (!await HearAsync(connection, LinkTest.First, either.Token))
            {
                return false;
            }

            await connection.Link.Output.WriteAsync(LinkTest.Second, either.Token);
            return await HearAsync(connection, LinkTest.Second, either.Token);
        }
        catch (Exception e)
            when (e is HttpRequestException or IOException or InvalidOperationException
                || (e is OperationCanceledException && !ct.IsCancellationRequested)
            )
        {
            return false;
        }
    }

    private static async Task<bool> HearAsync(
        LinkConnection connection,
        ReadOnlyMemory<byte> expected,
        CancellationToken ct
    )
    {
        var input = connection.Link.Input;
        var read = await input.ReadAtLeastAsync(expected.Length, ct);
        var heard = read.Buffer.Length == expected.Length && read.Buffer.FirstSpan.SequenceEqual(expected.Span);
        input.AdvanceTo(read.Buffer.End);
        return heard;
    }
}
