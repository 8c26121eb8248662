using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Pollard.Simulators;

/// <summary>Sends one request's answers at the simulated speed, and lets the fault that struck it happen.</summary>
internal sealed class ReplyStream(
    HttpContext http,
    ReplyDialect dialect,
    SimulatorOptions options,
    SimulatorFault? fault
)
{
    private const int FlushBytes = 16 * 1024;

    private readonly long _started = options.Time.GetTimestamp();
    private readonly PipeWriter _body = http.Response.BodyWriter;

    /// <summary>Tokens that have gone out.</summary>
    public int Sent { get; private set; }

    /// <summary>Sends the answers piece by piece. False: a fault ended it.</summary>
    public async Task<bool> StreamAsync(IReadOnlyList<Reply> replies, CancellationToken ct)
    {
        http.Response.ContentType = dialect.StreamType;
        await UntilDueAsync(0, ct); // A real server sends its headers with the first token.
        for (var choice = 0; choice < replies.Count; choice++)
        {
            dialect.Begin(_body, choice);
        }

        var pieces = replies.Max(reply => reply.Pieces);
        for (var index = 0; index < pieces; index++)
        {
            if (fault is not null && Sent >= fault.AfterTokens)
            {
                return await FailAsync(fault, ct);
            }

            await UntilDueAsync(index, ct);
            for (var choice = 0; choice < replies.Count; choice++)
            {
                WritePiece(choice, index, replies[choice]);
            }

            Sent++;
            if (index == 0 || _body.UnflushedBytes > FlushBytes)
            {
                await _body.FlushAsync(ct);
            }
        }

        if (fault is not null)
        {
            return await FailAsync(fault, ct);
        }

        dialect.End(_body, replies);
        await _body.FlushAsync(ct);
        return true;
    }

    /// <summary>Sends the answers in one piece, when the last token would have come. False: a fault ended it.</summary>
    public async Task<bool> WholeAsync(IReadOnlyList<Reply> replies, CancellationToken ct)
    {
        if (fault is not null)
        {
            return await FailAsync(fault, ct);
        }

        http.Response.ContentType = "application/json";
        await UntilDueAsync(replies.Max(reply => reply.Pieces), ct);
        dialect.Whole(_body, replies);
        await _body.FlushAsync(ct);
        return true;
    }

    private void WritePiece(int choice, int index, Reply reply)
    {
        if (index < reply.Reasoning.Count)
        {
            dialect.Piece(_body, choice, PieceKind.Reasoning, reply.Reasoning[index], reply);
        }
        else if (index - reply.Reasoning.Count is var at && at < reply.Content.Count)
        {
            dialect.Piece(_body, choice, PieceKind.Content, reply.Content[at], reply);
        }
        else if (reply.ToolCall is not null && index == reply.Pieces - 1)
        {
            dialect.Piece(_body, choice, PieceKind.ToolCall, "", reply);
        }
    }

    private async Task UntilDueAsync(int index, CancellationToken ct)
    {
        var pace = options.TokensPerSecond > 0 ? index / options.TokensPerSecond : 0;
        var wait = options.FirstTokenDelay + TimeSpan.FromSeconds(pace) - options.Time.GetElapsedTime(_started);
        if (wait <= TimeSpan.Zero)
        {
            return;
        }

        if (_body.UnflushedBytes > 0)
        {
            await _body.FlushAsync(ct);
        }

        await Task.Delay(wait, options.Time, ct);
    }

    private async Task<bool> FailAsync(SimulatorFault struck, CancellationToken ct)
    {
        switch (struck.Kind)
        {
            case FaultKind.Stall:
                await _body.FlushAsync(ct);
                await Task.Delay(Timeout.InfiniteTimeSpan, options.Time, ct);
                break;
            case FaultKind.Cut:
                await _body.FlushAsync(ct);
                if (http.Response.HasStarted)
                {
                    throw new CutException();
                }

                http.Abort();
                break;
            case FaultKind.StreamError:
                dialect.Error(_body, "the simulator was told to fail here");
                await _body.FlushAsync(ct);
                break;
            case FaultKind.Garbage:
                Encoding.UTF8.GetBytes("data: {\"choices\": [<<<\u0001\n\n{]}\n", _body);
                await _body.FlushAsync(ct);
                break;
            default:
                await _body.FlushAsync(ct);
                break;
        }

        return false;
    }
}

/// <summary>Makes the server close the connection behind what was sent; to abort it would take that back.</summary>
internal sealed class CutException() : Exception("the simulator was told to cut the connection");
