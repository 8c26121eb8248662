using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Backends.Ollama;
using Pollard.Agent.Retry;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Andy;

/// <summary>
/// The way by polls: one question at a time, and only while there is room, so that no work waits here that another machine could
/// do. Asks with a long poll where the server has one. Keeps its id over broken connections and leaves when it ends.
/// </summary>
/// <param name="root">What stands before the paths.</param>
/// <param name="member">This machine.</param>
/// <param name="http">The calls.</param>
/// <param name="logger">The log.</param>
internal sealed partial class AndyPolls(Uri root, AndyMember member, AndyHttp http, ILogger logger) : IAndyWay
{
    private const int HoldSeconds = 30;
    private const int MostIdCharacters = 200;
    private const int MostUnanswered = 3;
    private static readonly TimeSpan CallWithin = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan BringWithin = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LeaveWithin = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan LongPollWithin = TimeSpan.FromSeconds(HoldSeconds + 15);
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(30);

    // How often these servers are asked by their own clients.
    private static readonly TimeSpan AskEvery = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan UsualPing = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan LeastPing = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan MostPing = TimeSpan.FromSeconds(30); // Servers forget who is silent for some 90.

    // However long the server wants to be left alone: who does not ask at all is forgotten.
    private static readonly TimeSpan MostPause = TimeSpan.FromSeconds(60);

    private TimeSpan _pingEvery = UsualPing;
    private IReadOnlyList<ModelInfo> _said = [];
    private string? _id;
    private bool _hasLong = true;
    private bool _hasSeenLong;

    /// <inheritdoc/>
    public string Name => "poll";

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken ct)
    {
        await EnterAsync(ct);
        member.Joined(Name);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var pinging = PingAsync(over.Token);
        var asking = AskAsync(over.Token);
        await Task.WhenAny(pinging, asking);
        var isOver = asking.IsCompletedSuccessfully;
        await over.CancelAsync();
        await Task.WhenAll(EndedAsync(pinging), EndedAsync(asking));
        if (isOver)
        {
            await LeaveAsync();
            return;
        }

        ct.ThrowIfCancellationRequested();
        await (asking.IsFaulted ? asking : pinging);
    }

    /// <inheritdoc/>
    public async Task BringAsync(Messages.Offer offer, AndyOutcome outcome, CancellationToken ct)
    {
        var body = outcome.Submission(offer.Task, member.Time.GetUtcNow());
        var reply = await http.PostAsync(At("submit_work_result"), body, BringWithin, ct);
        if (!reply.IsGood)
        {
            throw Failure(reply, "submit_work_result");
        }
    }

    /// <inheritdoc/>
    public async Task LeaveAsync()
    {
        if (_id is not { } id)
        {
            return;
        }

        _id = null;
        member.Memory.Remember(root, null);
        await LeaveAsync(id);
    }

    /// <summary>Goes on as the host that it was, when the server still knows it; else joins.</summary>
    private async Task EnterAsync(CancellationToken ct)
    {
        member.Expect(CallWithin * 3);
        if (_id is { } id && (await PingOnceAsync(id, ct)).IsGood)
        {
            return;
        }

        if (_id is null && member.Memory.Find(root) is { } former)
        {
            await LeaveAsync(former); // It was left behind by an end without a word.
        }

        await JoinAsync(ct);
    }

    private async Task JoinAsync(CancellationToken ct)
    {
        var models = member.Models;
        var body = AndyProfile.Join(member.Options, member.Memory.Uuid, models);
        var reply = await http.PostAsync(At("join_pool"), body, CallWithin, ct);
        var id = reply.IsGood ? reply.Body?.Text("host_id") : null;
        if (id is not { Length: > 0 and <= MostIdCharacters })
        {
            throw reply.IsGood ? new HttpRequestException("the server names no host_id to a join") : Refusal(reply);
        }

        var ping = reply.Body?.Integer("ping_interval") is > 0 and < 3600 and var seconds
            ? TimeSpan.FromSeconds(seconds)
            : UsualPing;
        _pingEvery =
            ping < LeastPing ? LeastPing
            : ping > MostPing ? MostPing
            : ping;
        (_id, _said, _hasSeenLong) = (id, models, false);
        member.Memory.Remember(root, id);
    }

    private async Task LeaveAsync(string id)
    {
        try
        {
            var body = OllamaRequest.Write(json => json.WriteString("host_id", id));
            await http.PostAsync(At("leave_pool"), body, LeaveWithin, CancellationToken.None); // Its time is its end.
        }
        catch (Exception e) when (RetryPolicy.IsTransient(e))
        {
            LogNotLeft(logger, e.Message);
        }
    }

    private async Task PingAsync(CancellationToken ct)
    {
        var unanswered = 0;
        while (true)
        {
            await Task.Delay(_pingEvery, member.Time, ct);
            if (_id is not { } id)
            {
                continue; // It is just leaving, or coming back.
            }

            try
            {
                var reply = await PingOnceAsync(id, ct);
                if (reply.Status == HttpStatusCode.NotFound && id == _id)
                {
                    throw Forgotten();
                }

                unanswered = reply.IsGood ? 0 : unanswered + 1;
            }
            catch (HttpRequestException) when (unanswered + 1 < MostUnanswered)
            {
                unanswered++;
            }

            if (unanswered >= MostUnanswered)
            {
                throw new HttpRequestException("the server does not take pings any more");
            }
        }
    }

    private Task<AndyReply> PingOnceAsync(string id, CancellationToken ct)
    {
        var body = OllamaRequest.Write(json =>
        {
            json.WriteString("host_id", id);
            json.WriteNumber("current_load", member.Running);
            json.WriteString("status", "active");
            json.WriteString("timestamp", member.Time.GetUtcNow());
        });
        return http.PostAsync(At("ping_pool"), body, CallWithin, ct);
    }

    /// <summary>Asks for work and takes it; returns when the machine rests and all is done.</summary>
    private async Task AskAsync(CancellationToken ct)
    {
        while (true)
        {
            var changed = member.ChangedAsync();
            if (!member.IsWilling && member.IsIdle)
            {
                return;
            }

            if (!member.HasRoom)
            {
                member.Expect(LookAgain);
                await Task.WhenAny(changed, Task.Delay(LookAgain, member.Time, ct));
                ct.ThrowIfCancellationRequested();
                continue;
            }

            if (_id is null || (!ReferenceEquals(_said, member.Models) && member.IsIdle))
            {
                await LeaveAsync(); // Most servers hear of models only when somebody joins.
                await JoinAsync(ct);
            }

            var begun = member.Time.GetTimestamp();
            member.Expect(LongPollWithin);
            if (!await AskOnceAsync(ct))
            {
                await PauseAsync(begun, ct);
            }
        }
    }

    /// <summary>Asks once; true when there was work, and there may be more.</summary>
    private async Task<bool> AskOnceAsync(CancellationToken ct)
    {
        // Only an end for good breaks off a question: many servers lose the work that they answer it with.
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, member.Draining);
        var models = member.Models;
        var body = OllamaRequest.Write(json =>
        {
            json.WriteString("host_id", _id);
            json.WriteStartArray("models");
            foreach (var model in models)
            {
                json.WriteStringValue(model.Name);
            }

            json.WriteEndArray();
            if (_hasLong)
            {
                json.WriteNumber("timeout", HoldSeconds);
            }
        });
        try
        {
            var (path, within) = _hasLong ? ("poll_for_work", LongPollWithin) : ("check_for_work", CallWithin);
            var asking = http.PostAsync(At(path), body, within, either.Token);
            await LeaveBeforeAsync(asking);
            return await HeedAsync(await asking, ct);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>
    /// Leaves when the machine is to rest before the answer is there, lest somebody is given to it who need not be. What that
    /// answer brings all the same is answered with the reason, which is sooner heard than nothing.
    /// </summary>
    private async Task LeaveBeforeAsync(Task<AndyReply> asking)
    {
        while (!asking.IsCompleted)
        {
            var changed = member.ChangedAsync();
            if (!member.IsWilling && member.IsIdle)
            {
                await LeaveAsync();
                return;
            }

            await Task.WhenAny(asking, changed);
        }
    }

    private async Task<bool> HeedAsync(AndyReply reply, CancellationToken ct)
    {
        switch (reply.Status)
        {
            case HttpStatusCode.OK:
                _hasSeenLong |= _hasLong;
                return reply.Body is { } body && Take(body);
            case HttpStatusCode.NoContent:
                _hasSeenLong |= _hasLong;
                return false;
            case HttpStatusCode.NotFound
            or HttpStatusCode.MethodNotAllowed
            or HttpStatusCode.NotImplemented
                when _hasLong && !_hasSeenLong && _id is { } id && (await PingOnceAsync(id, ct)).IsGood:
                LogShort(logger);
                _hasLong = false; // It knows this host, so what it does not know is the path.
                return true;
            case HttpStatusCode.NotFound when _id is null:
                return false; // It has left.
            case HttpStatusCode.NotFound:
                throw Forgotten();
            case HttpStatusCode.TooManyRequests:
                var wait = reply.RetryAfter is { } said && said > AskEvery ? said : AskEvery;
                wait = wait < MostPause ? wait : MostPause;
                member.Expect(wait);
                await Task.Delay(wait, member.Time, ct);
                return false;
            default:
                throw Failure(reply, "the question for work");
        }
    }

    /// <summary>Takes the work of an answer, in which it stands at the top or in an object of its own.</summary>
    private bool Take(JsonElement body)
    {
        var item = body.Member("work_item") ?? body;
        if (body.Member("has_work") is { ValueKind: JsonValueKind.False } || WordOf(item) is not { } id)
        {
            return false;
        }

        if (AndyWork.KindOf(item) != AndyWork.Discovery)
        {
            return member.Take(id, item, this);
        }

        member.Bring(id, AndyOutcome.Listing(member.Models, member.Slots), this);
        return true;
    }

    private static string? WordOf(JsonElement item) =>
        item.Text("work_id") is { Length: > 0 and <= MostIdCharacters } id ? id : null;

    /// <summary>Waits until it is time to ask again, where the server answered sooner than it might have.</summary>
    private async Task PauseAsync(long begun, CancellationToken ct)
    {
        var left = AskEvery - member.Time.GetElapsedTime(begun);
        if (left > TimeSpan.Zero && !member.Draining.IsCancellationRequested)
        {
            await Task.Delay(left * (0.8 + (0.4 * member.Options.Random.NextDouble())), member.Time, ct);
        }
    }

    private HttpRequestException Forgotten()
    {
        _id = null;
        member.Memory.Remember(root, null);
        return new HttpRequestException("the server does not know this host any more");
    }

    private static Exception Refusal(AndyReply reply) =>
        reply.Status switch
        {
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => new AndyException(
                $"the server does not take this machine: {Said(reply)}",
                isRefused: true
            ),
            HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed => new AndyException(
                $"there is no Andy pool at this address: {Said(reply)}",
                isRefused: false
            ),
            _ => Failure(reply, "the join"),
        };

    private static Exception Failure(AndyReply reply, string what) =>
        reply.Status == HttpStatusCode.TooManyRequests
            ? new AndyBusyException($"the server wants to be left alone: {Said(reply)}", reply.RetryAfter)
        : RetryPolicy.IsTransient(reply.Status)
            ? new HttpRequestException($"the answer to {what} is {Said(reply)}", null, reply.Status)
        : new AndyException($"the answer to {what} is {Said(reply)}", isRefused: false);

    /// <summary>The status, and what the server says with it; its text is a stranger's.</summary>
    private static string Said(AndyReply reply)
    {
        const int Most = 200;
        var error = reply.Body?.Member("error");
        var text =
            reply.Body?.Text("error")
            ?? error?.Text("message")
            ?? reply.Body?.Text("detail")
            ?? reply.Body?.Text("message");
        var shown = string.Concat((text ?? "").Where(static c => !char.IsControl(c)).Take(Most));
        return shown.Length == 0 ? $"{(int)reply.Status}" : $"{(int)reply.Status}: {shown}";
    }

    private Uri At(string name) => new($"{root.AbsoluteUri.TrimEnd('/')}/{name}");

    private static async Task EndedAsync(Task task) =>
        await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    [LoggerMessage(Level = LogLevel.Information, Message = "The server has no long poll: asking every 3 seconds")]
    private static partial void LogShort(ILogger logger);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The server could not be told that this host leaves: {Reason}")]
    private static partial void LogNotLeft(ILogger logger, string reason);
}
