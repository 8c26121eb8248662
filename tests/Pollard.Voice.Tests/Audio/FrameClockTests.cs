using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Pollard.Voice.Audio;

namespace Pollard.Voice.Tests.Audio;

/// <summary>When frames are due: by a clock that is turned, and once by the real one.</summary>
public sealed class FrameClockTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly FrameClock _clock;
    private readonly List<long> _frames = [];

    public FrameClockTests() => _clock = new FrameClock(_time, NullLogger.Instance);

    public void Dispose() => _clock.Dispose();

    [Fact]
    public void Each_call_has_a_frame_each_20_ms_and_no_delay_adds_up()
    {
        List<long> others = [];
        using var one = AddCall(_frames);
        using var other = AddCall(others);
        for (var i = 0; i < 10_000; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(7));
            var wait = _clock.GiveDue();
            Assert.InRange(wait.TotalMilliseconds, 0.001, 20);
        }

        Assert.Equal(Enumerable.Range(1, 3_500).Select(static i => (long)i), _frames);
        Assert.Equal(_frames, others);
        Assert.Equal(3_500, _clock.LastFrame);
    }

    [Fact]
    public void After_a_standstill_a_few_frames_are_caught_up_and_the_numbers_tell_how_many_were_not()
    {
        using var call = AddCall(_frames);
        foreach (var milliseconds in new[] { 20, 60, 1_000, 20 })
        {
            _time.Advance(TimeSpan.FromMilliseconds(milliseconds));
            _clock.GiveDue();
        }

        Assert.Equal([1, 2, 3, 4, 52, 53, 54, 55], _frames);
    }

    [Fact]
    public void It_waits_for_a_call_where_there_is_none_and_begins_at_the_next_frame()
    {
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(Timeout.InfiniteTimeSpan, _clock.GiveDue());
        var call = AddCall(_frames);
        _time.Advance(TimeSpan.FromMilliseconds(15));
        Assert.Equal(5, _clock.GiveDue().TotalMilliseconds);
        _time.Advance(TimeSpan.FromMilliseconds(5));
        _clock.GiveDue();

        call.Dispose();
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(Timeout.InfiniteTimeSpan, _clock.GiveDue());
        Assert.Equal([501], _frames);
    }

    [Fact]
    public void A_call_that_fails_hears_no_more_and_the_others_go_on()
    {
        var tried = 0;
        using var broken = _clock.Add(
            new Playout(new PlayoutOptions()),
            (_, _, _) =>
            {
                tried++;
                throw new InvalidOperationException("It cannot send.");
            }
        );
        using var call = AddCall(_frames);
        for (var i = 0; i < 3; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(20));
            _clock.GiveDue();
        }

        Assert.Equal((1, 3), (tried, _frames.Count));
    }

    [Fact]
    public void How_late_frames_are_is_measured()
    {
        List<double> late = [];
        using var listener = new MeterListener
        {
            InstrumentPublished = static (instrument, listener) =>
            {
                if (instrument.Name == "pollard.voice.frame.lateness")
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        var here = Environment.CurrentManagedThreadId; // Clocks of other tests have threads of their own.
        listener.SetMeasurementEventCallback<double>(
            (_, value, _, _) =>
            {
                if (Environment.CurrentManagedThreadId == here)
                {
                    late.Add(value);
                }
            }
        );
        listener.Start();
        using var call = AddCall(_frames);

        foreach (var milliseconds in new[] { 20, 25, 40 }) // The first in time, the second by 5, and then two by 25 and 5.
        {
            _time.Advance(TimeSpan.FromMilliseconds(milliseconds));
            _clock.GiveDue();
        }

        Assert.Equal([0, 5, 25, 5], late.Select(static one => Math.Round(one * 1_000, 6)));
    }

    [Fact]
    public async Task Sound_goes_through_the_real_clock_whole_and_in_order()
    {
        var ct = TestContext.Current.CancellationToken;
        var codes = Enumerable.Range(0, 4_000).Select(static i => (byte)(i * 7 % 251)).ToArray();
        var playout = new Playout(new PlayoutOptions { Most = TimeSpan.FromSeconds(1) });
        List<byte> heard = [];
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var clock = new FrameClock(TimeProvider.System, NullLogger.Instance);
        clock.Start();
        using var call = clock.Add(
            playout,
            (_, frame, isSound) =>
            {
                if (isSound && heard.Count < codes.Length)
                {
                    heard.AddRange(frame);
                }

                if (heard.Count >= codes.Length)
                {
                    all.TrySetResult();
                }
            }
        );

        await new PlayoutSource(playout).AddAsync(new(codes, SampleEncoding.MuLaw, 8_000), new(1, 0, 1), ct);
        await all.Task.WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, ct);

        clock.Dispose(); // And once more at the end: it may be stopped twice.
        Assert.Equal(codes.Select(static code => code == 0x7F ? (byte)0xFF : code), heard);
    }

    private IDisposable AddCall(List<long> frames) =>
        _clock.Add(new Playout(new PlayoutOptions()), (number, _, _) => frames.Add(number));
}
