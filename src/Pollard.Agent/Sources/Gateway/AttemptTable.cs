using System.Collections.Concurrent;
using Pollard.Agent.Backends;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Gateway;

/// <summary>Every attempt that is not over, over all sessions by token and in the present one by handle.</summary>
internal sealed class AttemptTable(TimeProvider time)
{
    private readonly ConcurrentDictionary<string, LinkedAttempt> _byToken = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<uint, LinkedAttempt> _byHandle = new();
    private TaskCompletionSource? _empty;

    /// <summary>True when there is nothing to do and nothing to deliver.</summary>
    public bool IsEmpty => _byToken.IsEmpty;

    /// <summary>An attempt that this session offered.</summary>
    public LinkedAttempt Add(WorkItem work, FrameOutbox outbox, uint handle, int creditBytes)
    {
        var attempt = new LinkedAttempt(work, time, Remove);
        _byToken[attempt.Token] = attempt;
        _byHandle[handle] = attempt;
        attempt.Attach(outbox, handle, 0, creditBytes);
        return attempt;
    }

    /// <summary>An attempt by its name in this session, or null.</summary>
    public LinkedAttempt? Find(uint handle) => _byHandle.GetValueOrDefault(handle);

    /// <summary>What a hello asks to resume.</summary>
    public IReadOnlyList<Messages.Resume> Resumes() =>
        [.. _byToken.Values.Take(LinkLimits.Resumes).Select(attempt => attempt.Resume)];

    /// <summary>A session has begun: each attempt goes on in it, or is no longer ours.</summary>
    public void Attach(Messages.HelloOk answer, FrameOutbox outbox)
    {
        var verdicts = answer
            .Resumed.DistinctBy(verdict => verdict.Attempt, StringComparer.Ordinal)
            .ToDictionary(verdict => verdict.Attempt, StringComparer.Ordinal);
        foreach (var attempt in _byToken.Values)
        {
            var verdict = verdicts.GetValueOrDefault(attempt.Token);
            if (verdict is { Fenced: false, Handle: { } handle, NextSeq: { } nextSeq })
            {
                _byHandle[handle] = attempt;
                attempt.Attach(outbox, handle, nextSeq, verdict.CreditBytes ?? answer.CreditBytes, answer.CreditBytes);
            }
            else
            {
                attempt.Stop();
            }
        }
    }

    /// <summary>The session has ended; its handles mean nothing any more.</summary>
    public void Detach(FrameOutbox outbox)
    {
        foreach (var attempt in _byToken.Values)
        {
            attempt.Detach(outbox);
        }

        _byHandle.Clear();
    }

    /// <summary>Ends when every attempt is delivered or stopped.</summary>
    public Task WhenEmptyAsync()
    {
        var empty = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        empty = Interlocked.CompareExchange(ref _empty, empty, null) ?? empty;
        if (_byToken.IsEmpty)
        {
            empty.TrySetResult();
        }

        return empty.Task;
    }

    private void Remove(LinkedAttempt attempt)
    {
        _byToken.TryRemove(KeyValuePair.Create(attempt.Token, attempt));
        _byHandle.TryRemove(KeyValuePair.Create(attempt.Handle, attempt));
        if (_byToken.IsEmpty)
        {
            Volatile.Read(ref _empty)?.TrySetResult();
        }
    }
}
