namespace Pollard.Voice.Links;

/// <summary>Something that changes, for those who wait for it.</summary>
internal sealed class Changing
{
    private TaskCompletionSource _next = NewSignal();

    /// <summary>Ends at the next change: ask for it first, look then, and wait last.</summary>
    public Task NextAsync() => Volatile.Read(ref _next).Task;

    /// <summary>It has changed.</summary>
    public void Changed() => Interlocked.Exchange(ref _next, NewSignal()).TrySetResult();

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
