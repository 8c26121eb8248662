using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using System.Threading.Channels;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Bench.Machine;
using Pollard.Voice;
using Pollard.Voice.Links;
using Pollard.Voice.Links.Existing;

namespace Pollard.Bench.Voice;

/// <summary>Both ends of calls on wires of existing services, with sockets between them: a link of its own for each call.</summary>
internal sealed class WireScene : IAsyncDisposable
{
    private const int FirstPort = 30_001; // None that the system gives to connections.
    private const int FirstNumber = 4; // As calls of existing services may be named.
    private const int Numbers = 1_000;
    private const int SamplesOfFrame = 320;
    private const int Rate = 16_000;
    private static readonly byte[] Sound = MemoryMarshal.AsBytes(new float[SamplesOfFrame].AsSpan()).ToArray();
    private readonly CancellationTokenSource _over = new();
    private readonly List<Task> _running = [];
    private readonly ICallTarget _target;
    private readonly Func<ICallSource> _listen;
    private ICallSource? _source;
    private LossyRelay? _relay;
    private int _named;

    private WireScene(ICallTarget target, Func<ICallSource> listen)
    {
        (_target, _listen) = (target, listen);
        _running.Add(target.RunAsync(_over.Token));
    }

    /// <summary>Each call asks by datagram to be connected to: inbound and recognition.</summary>
    /// <param name="schedule">How often.</param>
    /// <param name="loss">Which share of the datagrams is lost.</param>
    public static WireScene Registering(RegisterSchedule schedule, double loss = 0)
    {
        var wires = WiresOf(schedule);
        var service = new IPEndPoint(IPAddress.Loopback, Ports.Free());
        var relay = loss > 0 ? new LossyRelay(service, loss) : null;
        var scene = new WireScene(wires.SpeechToText(relay?.At ?? service), () => wires.Inbound(service));
        if (relay is not null)
        {
            scene._relay = relay;
            scene._running.Add(relay.RunAsync(scene._over.Token));
        }

        return scene;
    }

    /// <summary>Each call calls: recognition and model.</summary>
    public static WireScene Direct()
    {
        var wires = WiresOf(new RegisterSchedule());
        var service = new IPEndPoint(IPAddress.Loopback, Ports.Free());
        return new WireScene(wires.Model(service), () => wires.SpeechToTexts(service));
    }

    /// <summary>The service begins to listen, and answers what it hears.</summary>
    public void Serve()
    {
        _source = _listen();
        _running.Add(AnswerAllAsync(_source));
        _running.Add(_source.RunAsync(_over.Token));
    }

    /// <summary>So many calls begin at once, each speaks, and all end when the last was answered.</summary>
    /// <returns>How long it took until each was answered, in stopwatch ticks, of those that were.</returns>
    public async Task<IReadOnlyList<long>> TalkAsync(int calls)
    {
        var talks = await Task.WhenAll(Enumerable.Range(0, calls).Select(_ => Task.Run(TalkAsync)));
        foreach (var (call, _) in talks)
        {
            call.Close();
        }

        while (_target.Look().Count > 0 || _source?.Look().Count > 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), _over.Token);
        }

        return [.. talks.Select(static talk => talk.Took).OfType<long>()];
    }

    /// <summary>A call begins.</summary>
    /// <returns>When it is connected.</returns>
    public async Task<long> ConnectedAsync(string id)
    {
        var call = (ExistingCall)_target.Open(CallId.Parse(id));
        while (true)
        {
            var changed = call.ChangedAsync();
            if (call.IsUp)
            {
                return Stopwatch.GetTimestamp();
            }

            await changed;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await Task.WhenAll(_running);
        (_source as IDisposable)?.Dispose();
        _relay?.Dispose();
        _over.Dispose();
    }

    private static ExistingWires WiresOf(RegisterSchedule schedule) =>
        new(
            new ExistingSetup { Schedule = schedule, Ports = new CallPorts(FirstPort, FirstPort + 1) },
            NullLogger.Instance
        );

    private async Task<(ICallLink Call, long? Took)> TalkAsync()
    {
        var number = FirstNumber + (2 * (Interlocked.Increment(ref _named) % Numbers));
        var begun = Stopwatch.GetTimestamp();
        var call = _target.Open(CallId.Parse(number.ToString(CultureInfo.InvariantCulture)));
        var mark = new SpeechMark(1, 0, 1);
        call.TrySend(
            call is UtterancesOut
                ? new LinkFrame(FrameKind.Audio, Sound, Rate, 1, mark)
                : new LinkFrame(FrameKind.Text, "heard"u8.ToArray(), Mark: mark)
        );
        call.TrySend(new LinkFrame(FrameKind.End, Mark: mark));
        using var late = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        try
        {
            while ((await call.Incoming.ReadAsync(late.Token)).Kind != FrameKind.Text)
            {
                // That it is ready, or has it.
            }

            return (call, Stopwatch.GetTimestamp() - begun);
        }
        catch (Exception e) when (e is OperationCanceledException or ChannelClosedException)
        {
            return (call, null);
        }
    }

    private static async Task AnswerAllAsync(ICallSource source)
    {
        List<Task> answering = [];
        await foreach (var call in source.Came.ReadAllAsync()) // It ends with the source.
        {
            answering.Add(AnswerAsync(call));
        }

        await Task.WhenAll(answering);
    }

    private static async Task AnswerAsync(ICallLink call)
    {
        await foreach (var frame in call.Incoming.ReadAllAsync())
        {
            if (frame.Kind is FrameKind.Audio or FrameKind.Text)
            {
                call.TrySend(new LinkFrame(FrameKind.Text, "heard"u8.ToArray(), Mark: frame.Mark));
            }
        }
    }
}
