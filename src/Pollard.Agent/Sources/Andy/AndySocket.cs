using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Pollard.Agent.Backends.Http;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Andy;

/// <summary>
/// The way over a WebSocket, on which the server pushes work. It may push more than there is room for: that waits here, up to a
/// bound. What was begun is brought back over the next line when this one breaks.
/// </summary>
/// <param name="address">The address with <c>ws</c> or <c>wss</c>.</param>
/// <param name="member">This machine.</param>
/// <param name="http">Makes the connections.</param>
/// <param name="logger">The log.</param>
internal sealed partial class AndySocket(Uri address, AndyMember member, AndyHttp http, ILogger logger) : IAndyWay
{
    private const int MostWaiting = 64;
    private const int MostIdCharacters = 200;
    private static readonly TimeSpan WelcomeWithin = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan HeartbeatEvery = TimeSpan.FromSeconds(30);
    private readonly Lock _gate = new();
    private readonly Dictionary<string, long> _numbers = new(StringComparer.Ordinal);
    private TaskCompletionSource<AndyLine> _line = NewLine();

    /// <inheritdoc/>
    public string Name => "ws";

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken ct)
    {
        member.Expect(WelcomeWithin * 2);
        using var line = await AndyLine.OpenAsync(WithToken(), member, http, ct);
        await RegisterAsync(line, ct);
        member.Joined(Name);
        Volatile.Read(ref _line).TrySetResult(line);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var waiting = Channel.CreateBounded<(string Id, JsonElement Data)>(MostWaiting);
        try
        {
            var reading = ReadAsync(line, waiting.Writer, over.Token);
            var serving = ServeAsync(line, waiting.Reader, over.Token);
            await Task.WhenAny(reading, serving);
            var isOver = serving.IsCompletedSuccessfully;
            if (isOver)
            {
                await line.LeaveAsync(reading); // Before the reader is stopped, which breaks the line off.
            }

            await over.CancelAsync();
            await Task.WhenAll(EndedAsync(reading), EndedAsync(serving));
            ct.ThrowIfCancellationRequested();
            if (!isOver)
            {
                await (serving.IsFaulted ? serving : reading);
            }
        }
        finally
        {
            while (waiting.Reader.TryRead(out var never)) // The server gives it to others, or does so once more.
            {
                Forget(never.Id);
            }

            Interlocked.Exchange(ref _line, NewLine()).TrySetCanceled(CancellationToken.None);
        }
    }

    /// <inheritdoc/>
    public async Task BringAsync(Messages.Offer offer, AndyOutcome outcome, CancellationToken ct)
    {
        AndyLine line;
        try
        {
            line = await Volatile.Read(ref _line).Task.WaitAsync(WelcomeWithin, member.Time, ct);
        }
        catch (Exception e) when (e is TimeoutException or TaskCanceledException && !ct.IsCancellationRequested)
        {
            throw new HttpRequestException("there is no line to the server", e);
        }

        long number;
        lock (_gate)
        {
            number = _numbers.GetValueOrDefault(offer.Task);
        }

        await line.SayAsync(
            "response",
            offer.Task,
            json =>
            {
                json.WriteStartObject("data");
                json.WriteNumber("id", number);
                json.WriteString("response", outcome.Error ?? outcome.Text);
                json.WriteString("status", outcome.Error is null ? "ok" : "error");
                json.WriteNumber("error", outcome.Error is null ? 0 : 1);
                json.WriteEndObject();
            },
            ct
        );
        Forget(offer.Task);
    }

    /// <inheritdoc/>
    public Task LeaveAsync() => Task.CompletedTask; // The end of the line says it.

    // The server's own clients show their token in all three places, and which of them it reads is not known.
    private Uri WithToken() =>
        member.Options.JoinToken is { } token
            ? new UriBuilder(address) { Query = $"token={Uri.EscapeDataString(token)}" }.Uri
            : address;

    private async Task RegisterAsync(AndyLine line, CancellationToken ct)
    {
        var former = member.Memory.Find(address);
        line.ClientId = former ?? "";
        await line.SayAsync("register", null, json => WriteRegistration(json, former), ct);
        using var late = new CancellationTokenSource(WelcomeWithin, member.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
        try
        {
            while (true)
            {
                var frame = await line.HearAsync(either.Token);
                if (frame.Text("type") == "welcome")
                {
                    Welcome(line, (frame.Member("data") ?? default).Text("client_id") ?? frame.Text("client_id"));
                    return;
                }
            }
        }
        catch (HttpRequestException) when (line.Refusal is not null)
        {
            throw new AndyException($"the server does not take this machine: {line.Refusal}", isRefused: true);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new HttpRequestException("the server does not welcome this machine", e);
        }
    }

    private void Welcome(AndyLine line, string? id)
    {
        if (id is { Length: > 0 and <= MostIdCharacters })
        {
            line.ClientId = id;
            member.Memory.Remember(address, id);
        }
    }

    private void WriteRegistration(Utf8JsonWriter json, string? former)
    {
        json.WriteStartObject("data");
        if (former is not null)
        {
            json.WriteString("id", former);
        }

        if (member.Options.JoinToken is { } token)
        {
            json.WriteString("client_token", token);
        }

        json.WriteStartArray("models");
        AndyProfile.WriteRegistered(json, member.Options, Offered(), former ?? "");
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private IReadOnlyList<ModelInfo> Offered() => member.IsWilling ? member.Models : [];

    private async Task ReadAsync(AndyLine line, ChannelWriter<(string, JsonElement)> waiting, CancellationToken ct)
    {
        while (true)
        {
            var frame = await line.HearAsync(ct);
            if (
                frame.Text("type") != "request"
                || frame.Text("request_id") is not { Length: > 0 and <= MostIdCharacters } id
            )
            {
                continue; // A heartbeat, or something newer than this protocol.
            }

            var data = frame.Member("data") ?? default;
            lock (_gate)
            {
                _numbers[id] = data.Integer("id") ?? 0;
            }

            if (!waiting.TryWrite((id, data)))
            {
                LogTooMuch(logger, id);
                await BringAsync(AndyWork.Offer(id), AndyOutcome.Of("this host has more than it can do"), ct);
            }
        }
    }

    /// <summary>Starts what waits when there is room, tells changes of the models, and gives signs of life.</summary>
    private async Task ServeAsync(
        AndyLine line,
        ChannelReader<(string Id, JsonElement Data)> waiting,
        CancellationToken ct
    )
    {
        var told = Offered();
        var beat = member.Time.GetTimestamp();
        Task? news = null;
        while (true)
        {
            var changed = member.ChangedAsync();

            // What waits when the machine is to rest is refused by the pipeline, with the reason.
            while ((member.HasRoom || !member.IsWilling) && waiting.TryRead(out var next))
            {
                member.Take(next.Id, next.Data, this);
            }

            if (!ReferenceEquals(told, Offered()) && !(told.Count == 0 && Offered().Count == 0))
            {
                told = Offered();
                await line.SayAsync("update_models", null, json => WriteModels(json, line, told), ct);
            }

            if (!member.IsWilling && member.IsIdle)
            {
                return;
            }

            var left = HeartbeatEvery - member.Time.GetElapsedTime(beat);
            if (left <= TimeSpan.Zero)
            {
                await line.SayAsync("heartbeat", null, static json => json.WriteNull("data"), ct);
                (beat, left) = (member.Time.GetTimestamp(), HeartbeatEvery);
            }

            member.Expect(HeartbeatEvery * 2);
            news = news is { IsCompleted: false } ? news : waiting.WaitToReadAsync(ct).AsTask();
            var passed = Task.Delay(left, member.Time, ct);
            await (member.HasRoom ? Task.WhenAny(changed, news, passed) : Task.WhenAny(changed, passed));
            ct.ThrowIfCancellationRequested();
        }
    }

    private void Forget(string id)
    {
        lock (_gate)
        {
            _numbers.Remove(id);
        }
    }

    private void WriteModels(Utf8JsonWriter json, AndyLine line, IReadOnlyList<ModelInfo> models)
    {
        json.WriteStartArray("data");
        AndyProfile.WriteRegistered(json, member.Options, models, line.ClientId);
        json.WriteEndArray();
    }

    private static TaskCompletionSource<AndyLine> NewLine() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static async Task EndedAsync(Task task) =>
        await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "The server sends more than this host can hold: {Work} is refused"
    )]
    private static partial void LogTooMuch(ILogger logger, string work);
}
