using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Tasks;
using Pollard.Tasks.Watching;

namespace Pollard.Gateway.Dashboard;

/// <summary>
/// Counts once a second, and tells those who watch: how it is, and which tasks changed. What they are told is made once for all of
/// them, and not at all while nobody watches.
/// </summary>
internal sealed partial class OverviewFeed(
    TaskEngine engine,
    OverviewBook book,
    OverviewMaker maker,
    TimeProvider time,
    ILogger<OverviewFeed> logger
) : BackgroundService
{
    private const int MostWatchers = 200;
    private const int MostTasks = 200; // In one message; whoever shows more reads them anew.
    private const int MessagesAhead = 8;
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(10);
    private readonly Lock _gate = new();
    private readonly List<Watcher> _watchers = [];
    private readonly Dictionary<bool, (byte[] Body, long At)> _told = [];
    private TaskWatch? _watch;

    /// <summary>How the counting is.</summary>
    public BackgroundLoop Loop { get; } = new("overview", Within, Every, time);

    /// <summary>Asked now and then whether who watches still may.</summary>
    public Func<HttpRequest, bool> IsStillGood { get; set; } = static _ => true;

    /// <summary>Begins to tell; null when too many watch.</summary>
    /// <param name="request">Who asks.</param>
    /// <param name="caller">Who that is.</param>
    public Watcher? Join(HttpRequest request, Caller caller)
    {
        lock (_gate)
        {
            if (_watchers.Count >= MostWatchers)
            {
                return null;
            }

            _watch ??= engine.Activity.Watch();
            var watcher = new Watcher(this, request, caller);
            _watchers.Add(watcher);
            watcher.Send(Message("overview"u8, maker.Make(caller.IsAdmin), ProtocolJson.Default.Overview));
            return watcher;
        }
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        try
        {
            do
            {
                Loop.Begin();
                TryTick();
                Loop.End();
            } while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            // The gateway stops; streams end by themselves then.
        }
    }

    private void TryTick()
    {
        try
        {
            book.Add(engine.Activity.Count());
            lock (_gate)
            {
                Tell();
            }
        }
        catch (Exception e) // A look that failed must not end all the later ones.
        {
            LogFailed(logger, e);
        }
    }

    private void Tell()
    {
        if (_watch is null)
        {
            return;
        }

        foreach (var gone in _watchers.Where(watcher => !IsStillGood(watcher.Request)).ToList())
        {
            gone.Dispose();
        }

        if (_watchers.Count == 0)
        {
            _watch.Dispose();
            _watch = null;
            return;
        }

        var (tasks, leftOff) = _watch.Drain();
        var changes = new Dictionary<(bool IsAdmin, bool More), byte[]>();
        foreach (var group in _watchers.GroupBy(static watcher => watcher.Caller.IsAdmin))
        {
            var overview = OverviewUnlessSame(group.Key);
            foreach (var watcher in group)
            {
                if (overview is not null)
                {
                    watcher.Send(overview);
                }

                var more = leftOff || tasks.Count > MostTasks || watcher.HasMissed;
                if (tasks.Count > 0 || more)
                {
                    ref var message = ref CollectionsMarshal.GetValueRefOrAddDefault(changes, (group.Key, more), out _);
                    watcher.SendTasks(message ??= TasksMessage(tasks, more, watcher.Caller));
                }
            }
        }
    }

    // What is as it was is told again only now and then, so that who watches knows that it is told.
    private byte[]? OverviewUnlessSame(bool isAdmin)
    {
        var overview = maker.Make(isAdmin);
        var body = JsonSerializer.SerializeToUtf8Bytes(overview with { Now = default }, ProtocolJson.Default.Overview);
        if (
            _told.TryGetValue(isAdmin, out var told)
            && time.GetElapsedTime(told.At) < Again
            && told.Body.AsSpan().SequenceEqual(body)
        )
        {
            return null;
        }

        _told[isAdmin] = (body, time.GetTimestamp());
        return Message("overview"u8, overview, ProtocolJson.Default.Overview);
    }

    private static byte[] TasksMessage(IReadOnlyList<TaskHandle> tasks, bool more, Caller caller)
    {
        var documents = tasks
            .Take(MostTasks)
            .Select(task => TaskView.Of(task.Row, task.PublicId, caller) with { Events = task.EventCount });
        return Message("tasks"u8, new ChangedTasks([.. documents], more), ProtocolJson.Default.ChangedTasks);
    }

    private static byte[] Message<T>(ReadOnlySpan<byte> name, T document, JsonTypeInfo<T> shape)
    {
        var message = new ArrayBufferWriter<byte>();
        message.Write("event: "u8);
        message.Write(name);
        message.Write("\ndata: "u8);
        using (var json = new Utf8JsonWriter(message, JsonReply.WriterOptions))
        {
            JsonSerializer.Serialize(json, document, shape);
        }

        message.Write("\n\n"u8);
        return message.WrittenSpan.ToArray();
    }

    private void Leave(Watcher watcher)
    {
        lock (_gate)
        {
            _watchers.Remove(watcher);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The overview could not be made; the next is made in a second")]
    private static partial void LogFailed(ILogger logger, Exception exception);

    /// <summary>One who watches. Told less often when it reads slowly.</summary>
    internal sealed class Watcher(OverviewFeed feed, HttpRequest request, Caller caller) : IDisposable
    {
        private readonly Channel<byte[]> _messages = Channel.CreateBounded<byte[]>(MessagesAhead);

        /// <summary>What it is told, in the form of server-sent events; ends when it may watch no more.</summary>
        public ChannelReader<byte[]> Messages => _messages.Reader;

        /// <summary>Its request.</summary>
        public HttpRequest Request => request;

        /// <summary>Who it is.</summary>
        public Caller Caller => caller;

        /// <summary>It was not told of tasks, because it had not read what came before.</summary>
        public bool HasMissed { get; private set; }

        /// <summary>Tells it how it is, if it has read what it was told.</summary>
        public void Send(byte[] message) => _ = _messages.Writer.TryWrite(message); // The next one says as much.

        /// <summary>Tells it which tasks changed.</summary>
        public void SendTasks(byte[] message) => HasMissed = !_messages.Writer.TryWrite(message);

        /// <inheritdoc/>
        public void Dispose()
        {
            feed.Leave(this);
            _messages.Writer.TryComplete();
        }
    }
}
