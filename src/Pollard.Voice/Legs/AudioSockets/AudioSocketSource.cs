using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Pollard.Voice.Audio;
using Pollard.Voice.Links;

namespace Pollard.Voice.Legs.AudioSockets;

/// <summary>Takes calls that Asterisk, or what speaks like it, brings by AudioSocket: a connection each, that says at first whose it is.</summary>
internal sealed partial class AudioSocketSource : ILegSource
{
    private const int IdBytes = 16;
    private static readonly TimeSpan FinishWithin = TimeSpan.FromSeconds(1);
    private readonly AudioSocketSettings _settings;
    private readonly FrameClock _clock;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly LegListener _listener;
    private readonly ConcurrentDictionary<CallId, AudioSocketLeg> _legs = []; // That are up, by what Asterisk calls them.
    private readonly ComingLegs _came;

    /// <param name="settings">Where, and how much.</param>
    /// <param name="clock">The clock of all calls.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    /// <exception cref="IOException">The port is taken, or may not be used.</exception>
    public AudioSocketSource(AudioSocketSettings settings, FrameClock clock, TimeProvider time, ILogger logger)
    {
        (_settings, _clock, _time, _logger) = (settings, clock, time, logger);
        _came = new ComingLegs(settings.MostCalls);
        _listener = new LegListener(settings.At, settings.Allows, settings.MostCalls, time, logger);
    }

    /// <inheritdoc/>
    public string Name => $"AudioSocket at {At}";

    /// <summary>Where it listens.</summary>
    public IPEndPoint At => _listener.At;

    /// <inheritdoc/>
    public ChannelReader<ICallLeg> Came => _came.Reader;

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken ct)
    {
        await _listener.RunAsync(ServeAsync, ct);
        await _came.CloseAsync();
        await _listener.ServedAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _came.CloseAsync();
    }

    private async Task ServeAsync(Socket socket, CancellationToken ct)
    {
        await using var connection = new AudioSocketConnection(socket);
        if (await TryReadIdAsync(connection, ct) is not { } name)
        {
            LogNoHello(_logger, At, connection.Peer);
            await RefuseAsync(connection, ct);
            return;
        }

        if ((_settings.Numbers is { } numbers ? numbers.Take() : name) is not { } call)
        {
            LogNoNumber(_logger, At, name, CallNumbers.Count);
            await RefuseAsync(connection, ct);
            return;
        }

        try
        {
            await ServeAsync(name, call, connection, ct);
        }
        finally
        {
            _settings.Numbers?.Free(call);
        }
    }

    private async Task ServeAsync(CallId name, CallId call, AudioSocketConnection connection, CancellationToken ct)
    {
        var leg = new AudioSocketLeg(call, connection, _settings, _clock, _time);
        if (!_legs.TryAdd(name, leg))
        {
            LogTwice(_logger, At, name);
            await RefuseAsync(connection, ct);
            return;
        }

        if (call != name)
        {
            LogNumbered(_logger, At, name, call);
        }

        LegMetrics.Began(AudioSocketLeg.Kind);
        try
        {
            if (_came.TryAdd(leg))
            {
                await leg.Over; // Who has the leg ends it; the connection is open as long.
                using var within = new CancellationTokenSource(FinishWithin, _time);
                await connection.FinishAsync(within.Token);
            }
        }
        finally
        {
            _legs.TryRemove(name, out _);
            LegMetrics.Ended(AudioSocketLeg.Kind);
        }
    }

    private static ValueTask RefuseAsync(AudioSocketConnection connection, CancellationToken ct)
    {
        LegMetrics.Refused(AudioSocketLeg.Kind, (int)AudioSocketKind.Hangup);
        return connection.WriteAsync(AudioSocketFrame.New(AudioSocketKind.Hangup, 0), ct);
    }

    private async Task<CallId?> TryReadIdAsync(AudioSocketConnection connection, CancellationToken ct)
    {
        using var within = new CancellationTokenSource(_settings.HelloWithin, _time);
        using var late = CancellationTokenSource.CreateLinkedTokenSource(within.Token, ct);
        var (kind, payload) = await connection.ReadAsync(late.Token);
        return kind == AudioSocketKind.Id && payload.Length == IdBytes
            ? CallId.Parse(new Guid(payload.Span, bigEndian: true).ToString())
            : null;
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "AudioSocket at {At}: {Peer} did not say at first whose call it brings"
    )]
    private static partial void LogNoHello(ILogger logger, IPEndPoint at, EndPoint? peer);

    [LoggerMessage(Level = LogLevel.Warning, Message = "AudioSocket at {At}: call {Call} is here already")]
    private static partial void LogTwice(ILogger logger, IPEndPoint at, CallId call);

    [LoggerMessage(Level = LogLevel.Information, Message = "AudioSocket at {At}: {Name} is call {Call}")]
    private static partial void LogNumbered(ILogger logger, IPEndPoint at, CallId name, CallId call);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "AudioSocket at {At}: refused call {Name}: all {Count} numbers of calls are taken"
    )]
    private static partial void LogNoNumber(ILogger logger, IPEndPoint at, CallId name, int count);
}
