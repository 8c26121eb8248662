using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Pollard.Agent.Backends;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Sources.Gateway;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Tests.Link;

/// <summary>An honest agent keeps to the number and the size of frames, however fast its backend and however large an answer.</summary>
public sealed class FrameLimitTests
{
    private readonly FakeTimeProvider _clock = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_backend_that_is_too_fast_for_the_link_is_slowed_and_loses_nothing()
    {
        var wire = new Wire(_clock);
        var attempt = Attempt(wire);
        for (var i = 0; i < 5000; i++)
        {
            await WriteAsync(attempt, $"{i}", DeltaKind.Progress);
        }

        attempt.End(WorkResult.Finished(new Messages.Finish()));
        var frames = wire.TakeFrames();
        var most = frames.Count;
        for (var second = 0; second < 10 && frames[^1].Header.Type != FrameType.Free; second++)
        {
            var before = frames.Count;
            for (var step = 0; step < 100; step++)
            {
                _clock.Advance(TimeSpan.FromMilliseconds(10));
            }

            frames.AddRange(wire.TakeFrames());
            most = Math.Max(most, frames.Count - before);
        }

        Assert.InRange(most, 1, LinkLimits.FramesPerSecond);
        Assert.Equal(
            Enumerable.Range(0, 5000).Select(i => $"{i}"),
            frames.SkipLast(2).Select(frame => Encoding.UTF8.GetString(frame.Payload))
        );
        Assert.Equal([FrameType.Finish, FrameType.Free], frames.TakeLast(2).Select(frame => frame.Header.Type));
    }

    [Fact]
    public async Task Near_the_limit_small_pieces_gather_into_fewer_frames()
    {
        var wire = new Wire(_clock);
        var attempt = Attempt(wire);
        var piece = new string('x', 1024);
        while (wire.TakeFrames().Count > 0 || attempt.Resume.LastSentSeq == 0)
        {
            await WriteAsync(attempt, piece); // As fast as it can, until one has to wait.
        }

        for (var i = 0; i < 30; i++)
        {
            await WriteAsync(attempt, piece);
        }

        Assert.Empty(wire.TakeFrames());
        _clock.Advance(TimeSpan.FromMilliseconds(10));
        var frames = wire.TakeFrames();

        Assert.Equal(2, frames.Count); // The one that had to wait, and one of all that came meanwhile.
        Assert.Equal(31 * 1024, frames.Sum(frame => frame.Payload.Length));
    }

    [Fact]
    public async Task A_tool_call_that_is_too_large_for_a_frame_goes_in_fragments()
    {
        var wire = new Wire(_clock);
        var attempt = Attempt(wire);
        var arguments = JsonSerializer.Serialize(string.Concat(Enumerable.Repeat("wörld 🌍 \"quoted\" \n", 30_000)));
        var call = JsonSerializer.Serialize(
            new
            {
                index = 3,
                id = "call_1",
                type = "function",
                function = new { name = "write", arguments },
            }
        );
        Assert.True(call.Length > 2 * LinkLimits.FramePayloadBytes);

        await WriteAsync(attempt, call, DeltaKind.ToolCall);

        var pieces = wire.TakeFrames().ConvertAll(frame => JsonElement.Parse(Encoding.UTF8.GetString(frame.Payload)));
        Assert.Equal(
            arguments,
            string.Concat(pieces.Select(piece => piece.GetProperty("function").GetProperty("arguments").GetString()))
        );
        Assert.All(pieces, piece => Assert.Equal(3, piece.GetProperty("index").GetInt32()));
        Assert.Equal("write", pieces[0].GetProperty("function").GetProperty("name").GetString());
        Assert.Single(pieces, piece => piece.TryGetProperty("id", out _));
    }

    [Fact]
    public async Task Log_probabilities_that_are_too_large_for_a_frame_go_in_lists()
    {
        var wire = new Wire(_clock);
        var attempt = Attempt(wire);
        var tokens = Enumerable.Range(0, 10_000).Select(i => new { token = $"token {i}", logprob = -0.5 }).ToArray();

        await WriteAsync(
            attempt,
            JsonSerializer.Serialize(new { content = tokens, refusal = (string?)null }),
            DeltaKind.LogProbabilities
        );

        var pieces = wire.TakeFrames().ConvertAll(frame => JsonElement.Parse(Encoding.UTF8.GetString(frame.Payload)));
        Assert.True(pieces.Count > 3);
        Assert.Equal(
            tokens.Select(token => token.token),
            pieces
                .SelectMany(static piece =>
                    piece.TryGetProperty("content", out var content) ? content.EnumerateArray().ToArray() : []
                )
                .Select(item => item.GetProperty("token").GetString())
        );
        Assert.Single(pieces, piece => piece.TryGetProperty("refusal", out _));
    }

    [Fact]
    public async Task What_cannot_be_cut_ends_its_attempt_with_a_reason_and_not_the_agent()
    {
        var attempt = Attempt(new Wire(_clock));

        var broken = await Assert.ThrowsAsync<BackendException>(() =>
            WriteAsync(attempt, new string(' ', LinkLimits.FramePayloadBytes + 1), DeltaKind.ToolCall)
        );

        Assert.Equal(("output_too_large", false), (broken.Failure.Code, broken.Failure.Retryable));
    }

    [Fact]
    public void An_end_that_is_too_large_goes_without_what_is_only_carried_along()
    {
        var wire = new Wire(_clock);
        var extra = JsonSerializer.SerializeToElement(new { much = new string('x', LinkLimits.FramePayloadBytes) });
        var finish = new Messages.Finish { FinishReasons = ["stop"], Extra = extra };

        Attempt(wire).End(WorkResult.Finished(finish));

        var sent = LinkJson.Read(wire.TakeFrames()[0].Payload, ProtocolJson.Default.Finish);
        Assert.Equal(["stop"], sent.FinishReasons);
        Assert.Null(sent.Extra);
    }

    [Fact]
    public void A_reason_that_is_too_large_is_cut()
    {
        var wire = new Wire(_clock);
        var failure = new Messages.Fail
        {
            Code = "backend_error",
            Message = new string('x', LinkLimits.FramePayloadBytes),
            Retryable = true,
        };

        Attempt(wire).End(WorkResult.Failed(failure));

        var sent = LinkJson.Read(wire.TakeFrames()[0].Payload, ProtocolJson.Default.Fail);
        Assert.Equal(("backend_error", true, 4096), (sent.Code, sent.Retryable, sent.Message.Length));
    }

    private LinkedAttempt Attempt(Wire wire)
    {
        var offer = new Messages.Offer
        {
            Attempt = "token",
            Task = "task_1",
            Kind = "chat",
            Model = "m",
            Stream = true,
        };
        var attempt = new LinkedAttempt(new WorkItem(offer, default), _clock, _ => { });
        attempt.Attach(wire.Outbox, 1, 0, creditBytes: 100_000_000);
        return attempt;
    }

    private static Task WriteAsync(LinkedAttempt attempt, string text, DeltaKind kind = DeltaKind.Content) =>
        attempt.WriteAsync(kind, 0, Encoding.UTF8.GetBytes(text), Token).AsTask();
}
