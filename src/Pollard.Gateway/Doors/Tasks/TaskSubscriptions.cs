using System.Text.Json;
using System.Threading.Channels;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Tasks;
using Pollard.Tasks.Events;
using Pollard.Tasks.Storage;

namespace Pollard.Gateway.Doors.Tasks;

/// <summary>
/// The tasks that one socket follows. One loop owns them and sends; what it must know comes to it through a short channel: the
/// client's messages, and which task has news. A task with news waits there until its turn has come, so a slow reader slows
/// nobody but itself, and its events stay in the log until then.
/// </summary>
internal sealed class TaskSubscriptions(
    EventSocket socket,
    Func<string, CancellationToken, ValueTask<TaskHandle?>> find,
    Func<bool> isStillGood,
    TimeSpan idle,
    TimeProvider time
) : IAsyncDisposable
{
    private const int MostTasks = 1_000;
    private const int EventsATurn = 64; // Then the next task has its turn.
    private readonly Dictionary<string, Subscription> _tasks = new(StringComparer.Ordinal);

    private readonly Channel<object> _inbox = Channel.CreateBounded<object>(
        new BoundedChannelOptions(16) { SingleReader = true }
    );

    /// <summary>Sends what is new until the socket is over.</summary>
    public async Task<SocketEnd> SendAsync(CancellationToken ct)
    {
        while (true)
        {
            if (await NextAsync(ct) is not { } next)
            {
                return SocketEnd.Refused($"subscribed to nothing for {idle.TotalSeconds:0} seconds");
            }

            if (next is SocketCommand command)
            {
                await DoAsync(command, ct);
            }
            else if (next is Subscription task && _tasks.GetValueOrDefault(task.Name) == task)
            {
                await TellAsync(task, ct);
            }
        }
    }

    /// <summary>Hears what the client wants.</summary>
    public async Task<SocketEnd> ListenAsync(CancellationToken ct)
    {
        while (true)
        {
            var (message, end) = await socket.ReceiveAsync();
            if (end is not null)
            {
                return end;
            }

            if (!isStillGood())
            {
                return SocketEnd.Refused("the key of this socket is not good any more");
            }

            if (SocketCommand.Read(message, out var wrong) is not { } command)
            {
                return SocketEnd.Refused(wrong);
            }

            await _inbox.Writer.WriteAsync(command, ct);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var task in _tasks.Values.ToArray())
        {
            await EndAsync(task);
        }
    }

    private async ValueTask<object?> NextAsync(CancellationToken ct)
    {
        if (_tasks.Count > 0)
        {
            return await _inbox.Reader.ReadAsync(ct);
        }

        using var limit = new CancellationTokenSource(idle, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        try
        {
            return await _inbox.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return null;
        }
    }

    private async Task DoAsync(SocketCommand command, CancellationToken ct)
    {
        foreach (var name in command.Unsubscribe)
        {
            if (_tasks.TryGetValue(name, out var task))
            {
                await EndAsync(task);
            }
        }

        foreach (var name in command.Subscribe)
        {
            if (await SubscribeAsync(name, command.After.GetValueOrDefault(name, -1), ct) is { } error)
            {
                await TellErrorAsync(name, error);
            }
        }
    }

    private async Task<DoorError?> SubscribeAsync(string name, int after, CancellationToken ct)
    {
        if (_tasks.TryGetValue(name, out var before))
        {
            await EndAsync(before); // It begins anew, where the client says.
        }

        if (_tasks.Count == MostTasks)
        {
            return new DoorError(
                429,
                "too_many_subscriptions",
                $"a socket follows at most {MostTasks} tasks; unsubscribe from some, or open another"
            );
        }

        try
        {
            if (await find(name, ct) is not { } found)
            {
                return DoorError.NoTask(name);
            }

            var task = new Subscription(name, found.ReadEvents(after));
            _tasks.Add(name, task);
            task.Watch(_inbox.Writer);
            return null;
        }
        catch (StoreException e)
        {
            return StoreErrors.Of(e.Fault);
        }
    }

    private async Task TellAsync(Subscription task, CancellationToken ct)
    {
        if (task.Failure is { } failure)
        {
            await EndAsync(task);
            await TellErrorAsync(task.Name, StoreErrors.Of(failure.Fault));
            return;
        }

        if (task.IsOver)
        {
            await EndAsync(task);
            Begin(task.Name).WriteBoolean("ended"u8, true);
            await SendOneAsync();
            return;
        }

        for (var i = 0; i < EventsATurn && !ct.IsCancellationRequested && task.Reader.TryRead(out var next); i++)
        {
            Begin(task.Name).WritePropertyName("event"u8);
            EventWriter.Write(socket.Json, next);
            await SendOneAsync();
        }

        task.Watch(_inbox.Writer);
    }

    private ValueTask TellErrorAsync(string name, DoorError error)
    {
        Begin(name).WritePropertyName("error"u8);
        JsonSerializer.Serialize(socket.Json, TaskView.ProblemOf(error), ProtocolJson.Default.Problem);
        return SendOneAsync();
    }

    private Utf8JsonWriter Begin(string name)
    {
        socket.Json.WriteStartObject();
        socket.Json.WriteString("task"u8, name);
        return socket.Json;
    }

    private ValueTask SendOneAsync()
    {
        socket.Json.WriteEndObject();
        return socket.SendAsync();
    }

    private async Task EndAsync(Subscription task)
    {
        _tasks.Remove(task.Name);
        await task.DisposeAsync();
    }

    /// <summary>One task as this socket reads it. It is in the channel at most once: only after its turn it looks for news again.</summary>
    private sealed class Subscription(string name, TaskEventReader reader) : IAsyncDisposable
    {
        private readonly CancellationTokenSource _over = new();
        private Task _watching = Task.CompletedTask;

        /// <summary>The id as the client wrote it.</summary>
        public string Name => name;

        public TaskEventReader Reader => reader;

        /// <summary>True when the final event has been read.</summary>
        public bool IsOver { get; private set; }

        /// <summary>Why its events cannot be read.</summary>
        public StoreException? Failure { get; private set; }

        /// <summary>Goes into the channel when there is news.</summary>
        public void Watch(ChannelWriter<object> inbox) => _watching = WatchAsync(inbox);

        public async ValueTask DisposeAsync()
        {
            await _over.CancelAsync();
            try
            {
                await _watching;
            }
            catch (OperationCanceledException)
            {
                // As it was told to.
            }

            _over.Dispose();
        }

        private async Task WatchAsync(ChannelWriter<object> inbox)
        {
            try
            {
                IsOver = await reader.WaitAsync(Timeout.InfiniteTimeSpan, _over.Token) == EventWait.Ended;
            }
            catch (StoreException e)
            {
                Failure = e;
            }

            await inbox.WriteAsync(this, _over.Token);
        }
    }
}
