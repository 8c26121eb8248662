using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using Pollard.Voice.Links;

namespace Pollard.Voice.Wyoming;

/// <summary>
/// Our models as a service that answers what was heard, in the Wyoming protocol (<c>handle</c>): Home Assistant and other programs that
/// speak it have a conversation with them.
/// </summary>
internal sealed partial class HandleServer : IDisposable
{
    private readonly ConcurrentDictionary<HandleTalk, bool> _talks = [];
    private readonly LinkListener _listener;
    private readonly HandleSettings _settings;
    private readonly Func<string, CancellationToken, IAsyncEnumerable<string>> _answer;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    /// <param name="at">Where it listens; port 0 is any that is free.</param>
    /// <param name="settings">What its owner decides.</param>
    /// <param name="answer">Gives the answer to a text, in pieces as they come.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    /// <exception cref="LinkPortException">The port is taken, or may not be used.</exception>
    public HandleServer(
        IPEndPoint at,
        HandleSettings settings,
        Func<string, CancellationToken, IAsyncEnumerable<string>> answer,
        TimeProvider time,
        ILogger logger
    )
    {
        (_settings, _answer, _time, _logger) = (settings, answer, time, logger);
        _listener = new LinkListener(at, settings.Allows, time, logger);
    }

    /// <summary>Where it listens.</summary>
    public IPEndPoint At => _listener.At;

    /// <summary>Answers until <paramref name="ct"/> is set.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        await _listener.TakeAsync(connection => Task.FromResult(TryServe(connection, ct)), ct);
        await Task.WhenAll(_talks.Keys.Select(static talk => talk.Running));
    }

    /// <inheritdoc/>
    public void Dispose() => _listener.Dispose();

    private bool TryServe(LinkConnection connection, CancellationToken ct)
    {
        if (_talks.Count >= _settings.MostConnections)
        {
            LogFull(_logger, At, connection.Peer, _settings.MostConnections);
            return false;
        }

        var talk = new HandleTalk(connection, _settings, _answer, _time, _logger);
        _talks[talk] = true;
        talk.Running = Task.Run(() => ServeAsync(talk, ct), CancellationToken.None);
        return true;
    }

    private async Task ServeAsync(HandleTalk talk, CancellationToken ct)
    {
        await using (talk)
        {
            await talk.RunAsync(ct);
        }

        _talks.TryRemove(talk, out _);
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Port {At}: let {Peer} go: {Most} connections are there already"
    )]
    private static partial void LogFull(ILogger logger, IPEndPoint at, IPEndPoint peer, int most);
}
