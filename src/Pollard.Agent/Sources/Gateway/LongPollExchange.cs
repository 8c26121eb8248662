using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Gateway;

/// <summary>
/// A session of carrier C as two pipes. One loop always has a turn parked at the gateway, which brings frames down; what goes up
/// is sorted: output by uploads of its own, everything else with the next turn, which is sent at once and lets the parked one go.
/// </summary>
internal sealed class LongPollExchange : IAsyncDisposable
{
    private static readonly TimeSpan Patience = LinkLimits.LongPollHold + TimeSpan.FromSeconds(10);
    private static readonly TimeSpan GoodbyeWithin = TimeSpan.FromSeconds(2);
    private const int PieceBytes = 16 * 1024;
    private readonly GatewayClient _gateway;
    private readonly HttpMessageInvoker _client;
    private readonly string _session;
    private readonly Pipe _up = new(
        new PipeOptions(useSynchronizationContext: false, pauseWriterThreshold: 1024 * 1024)
    );
    private readonly Pipe _down = new(new PipeOptions(useSynchronizationContext: false, pauseWriterThreshold: 0));
    private readonly CancellationTokenSource _ending = new();
    private readonly LongPollOutbox _outbox = new();
    private Task _turning = Task.CompletedTask;
    private Task _sorting = Task.CompletedTask;
    private Task _uploading = Task.CompletedTask;

    public LongPollExchange(GatewayClient gateway, HttpMessageInvoker client, string session)
    {
        (_gateway, _client, _session) = (gateway, client, session);
        Link = new DuplexPipe(_down.Reader, _up.Writer);
    }

    /// <summary>The session's end of the pipes.</summary>
    public IDuplexPipe Link { get; }

    /// <summary>Begins, with what the answer to the hello brought.</summary>
    public async Task BeginAsync(byte[] answer)
    {
        await _down.Writer.WriteAsync(answer, CancellationToken.None); // It has no bound: this does not wait.
        _turning = GuardAsync(TurnAsync);
        _sorting = GuardAsync(SortAsync);
        _uploading = GuardAsync(UploadAsync);
    }

    /// <summary>Hands in what is left, says goodbye, and ends both loops.</summary>
    public async ValueTask DisposeAsync()
    {
        await _up.Writer.CompleteAsync();
        using var late = new CancellationTokenSource(GoodbyeWithin, _gateway.Time);
        try
        {
            await Task.WhenAll(_sorting, _uploading).WaitAsync(late.Token);
            var (frames, number, _) = _outbox.TakeWords();
            if (frames.Length > 0)
            {
                await ExchangeAsync(
                    LongPollRequests.Turn(_gateway, frames, _session, number, int.MaxValue, TimeSpan.Zero),
                    late.Token
                );
            }

            await ExchangeAsync(LongPollRequests.Goodbye(_gateway, _session), late.Token);
        }
        catch (Exception e)
            when (e is OperationCanceledException or HttpRequestException or IOException or LinkRefusedException)
        {
            // The gateway notices by silence.
        }

        await _ending.CancelAsync();
        await Task.WhenAll(_turning, _sorting, _uploading);
        await _down.Reader.CompleteAsync();
        _client.Dispose();
        _ending.Dispose();
    }

    /// <summary>Runs a loop; when it breaks, the link is broken.</summary>
    private async Task GuardAsync(Func<CancellationToken, Task> loop)
    {
        try
        {
            await loop(_ending.Token);
        }
        catch (OperationCanceledException) when (_ending.IsCancellationRequested)
        {
            await _down.Writer.CompleteAsync();
        }
        catch (Exception e)
            when (e
                    is HttpRequestException
                        or IOException
                        or LinkException
                        or LinkRefusedException
                        or OperationCanceledException
                        or InvalidOperationException
            )
        {
            await _down.Writer.CompleteAsync(new IOException(e.Message, e));
        }
    }

    private async Task TurnAsync(CancellationToken ct)
    {
        var read = Task.CompletedTask;
        for (var turn = 1; ; turn++)
        {
            var (frames, number, hasWords) = _outbox.TakeWords();
            var before = read;
            read = TakeDownAsync(
                before,
                ExchangeAsync(LongPollRequests.Turn(_gateway, frames, _session, number, turn), ct)
            );

            // The next turn goes out when this one is answered, or when there is something to say. Then this one is let go: at
            // most two are under way, and their answers are read in order.
            await Task.WhenAny(read, hasWords);
            await before;
            if (read.IsCompleted)
            {
                await read;
            }
        }
    }

    private async Task TakeDownAsync(Task before, Task<byte[]> turn)
    {
        var frames = await turn;
        await before;
        if (frames.Length == 0)
        {
            // An answer without frames says that the gateway lives; the session hears it as settings that do not change.
            FrameWriter.Write(_down.Writer, FrameType.Config, 0, "{}"u8);
        }
        else
        {
            _down.Writer.Write(frames);
        }

        await _down.Writer.FlushAsync(CancellationToken.None); // It has no bound: this does not wait.
    }

    /// <summary>Takes the frames that the session sends and sorts them.</summary>
    private async Task SortAsync(CancellationToken ct)
    {
        while (true)
        {
            var read = await _up.Reader.ReadAsync(ct);
            var buffer = read.Buffer;
            while (FrameReader.TryRead(ref buffer, out var frame))
            {
                _outbox.Add(frame);
            }

            _up.Reader.AdvanceTo(buffer.Start, buffer.End);
            if (read.IsCompleted)
            {
                _outbox.Complete();
                return;
            }
        }
    }

    /// <summary>Brings output up: the first piece at once, the next ones as far apart as the gateway wants.</summary>
    private async Task UploadAsync(CancellationToken ct)
    {
        var pace = TimeSpan.Zero;
        while (true)
        {
            await _outbox.HasOutputAsync().WaitAsync(ct);
            if (_outbox.TakeOutput() is not { } waiting)
            {
                return;
            }

            var begun = _gateway.Time.GetTimestamp();
            foreach (var output in waiting)
            {
                pace = output.Frames.Length > 0 ? await UploadAsync(output, ct) : pace;
                _outbox.Uploaded(output);
            }

            var rest = pace - _gateway.Time.GetElapsedTime(begun);
            if (rest > TimeSpan.Zero && !_sorting.IsCompleted)
            {
                // Not when the agent is being stopped: then nothing more gathers.
                await Task.WhenAny(Task.Delay(rest, _gateway.Time, ct), _sorting);
            }
        }
    }

    private async Task<TimeSpan> UploadAsync(LongPollOutput output, CancellationToken ct)
    {
        var number = await _outbox.NextNumberAsync(ct);
        var frames = output.Frames.Written.ToArray();
        output.Frames.Clear();
        var answer = await ExchangeAsync(
            LongPollRequests.Output(_gateway, output.Handle, (output.First, output.Last), frames, _session, number),
            ct
        );
        var reply = LinkJson.Read(answer, ProtocolJson.Default.OutputReply);
        return TimeSpan.FromMilliseconds(Math.Clamp(reply.IntervalMs, 0, 1000));
    }

    private async Task<byte[]> ExchangeAsync(HttpRequestMessage message, CancellationToken ct)
    {
        using var request = message;
        using var late = new CancellationTokenSource(Patience, _gateway.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
        using var response = await _client.SendAsync(request, either.Token);
        return response.StatusCode switch
        {
            HttpStatusCode.OK => await ReadAsync(response.Content, late, either.Token),
            HttpStatusCode.NoContent => [],
            _ => throw await GatewayClient.RefusalAsync(response, either.Token),
        };
    }

    // As slowly as the wire brings it: each piece is a sign of life.
    private static async Task<byte[]> ReadAsync(HttpContent content, CancellationTokenSource late, CancellationToken ct)
    {
        await using var stream = await content.ReadAsStreamAsync(ct);
        using var answer = new PooledFrames();
        while (await stream.ReadAsync(answer.Buffer.GetMemory(PieceBytes), ct) is > 0 and var length)
        {
            answer.Buffer.Advance(length);
            late.CancelAfter(Patience);
        }

        return answer.ToArray();
    }
}
