using System.Text.Json;

namespace Pollard.Agent.Sources.TaskServers;

/// <summary>
/// A server of tasks in its own words. What goes wrong is an answer; only a cancelled token throws. Every request goes through
/// <see cref="TaskServerHttp"/>, which counts them.
/// </summary>
internal interface ITaskServer
{
    /// <summary>Asks for a task. It returns at once or after the server has held the question.</summary>
    Task<FetchReply> FetchAsync(CancellationToken ct);

    /// <summary>What a task of this server's is, as often as it is asked.</summary>
    /// <param name="task">The task.</param>
    /// <param name="bodyPath">Where a part of the result that is too large for memory may be put; it is kept and forgotten with the result.</param>
    TaskJob Read(FetchedTask task, string bodyPath);

    /// <summary>Brings a result. Null: the server has it.</summary>
    Task<ServerTrouble?> DeliverAsync(FetchedTask task, TaskResult result, CancellationToken ct);

    /// <summary>Gives back a task that was not begun. False: the server does not take it, or has no such thing.</summary>
    Task<bool> GiveBackAsync(FetchedTask task, CancellationToken ct);

    /// <summary>What the server says of itself, for the log; null when it says nothing.</summary>
    Task<string?> LookAsync(CancellationToken ct);
}

/// <summary>A task as its server gave it.</summary>
/// <param name="Id">The server's name for it.</param>
/// <param name="Json">All of it, an object.</param>
/// <param name="Until">When its time is over by this machine's clock; null: never.</param>
internal sealed record FetchedTask(string Id, ReadOnlyMemory<byte> Json, DateTimeOffset? Until = null);

/// <summary>What came of a question for a task: at most one of the two. Neither: there is none.</summary>
internal readonly record struct FetchReply(FetchedTask? Task, ServerTrouble? Trouble)
{
    /// <summary>There is no task now.</summary>
    public static FetchReply None { get; }

    public static implicit operator FetchReply(FetchedTask task) => new(task, null);

    public static implicit operator FetchReply(ServerTrouble trouble) => new(null, trouble);
}

/// <summary>What came of a task, until its server has confirmed it.</summary>
/// <param name="Json">An object with what the server is told besides the task; empty when it lies in the file.</param>
/// <param name="File">Where that object lies when it is too large to wait in memory; null: it does not.</param>
/// <param name="Body">The file of the part that is too large for any memory; null: there is none.</param>
internal sealed record TaskResult(ReadOnlyMemory<byte> Json, string? File = null, string? Body = null)
{
    /// <summary>The object, wherever it lies.</summary>
    /// <exception cref="IOException">Its file cannot be read.</exception>
    public async Task<JsonElement> ReadAsync(CancellationToken ct) =>
        JsonElement.Parse((File is { } file ? await System.IO.File.ReadAllBytesAsync(file, ct) : Json).Span);
}

/// <summary>Why a server did not do what it was asked.</summary>
/// <param name="Kind">What to do about it.</param>
/// <param name="Message">What it was and what to do, for people.</param>
/// <param name="RetryAfter">How long the server wants to be left alone, where it says so in a way that makes sense.</param>
internal sealed record ServerTrouble(TroubleKind Kind, string Message, TimeSpan? RetryAfter = null);

/// <summary>What to do about a server that did not do what it was asked.</summary>
internal enum TroubleKind
{
    /// <summary>It is away, late or broken: it will be back.</summary>
    Away,

    /// <summary>It wants to be asked less often.</summary>
    Busy,

    /// <summary>It answered something that is no answer.</summary>
    Odd,

    /// <summary>It does not let us in, or is not what we take it for: a person must do something.</summary>
    Refused,

    /// <summary>Of a result: it will never take this one, and there is no use in trying.</summary>
    Never,
}
