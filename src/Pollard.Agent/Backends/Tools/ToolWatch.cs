namespace Pollard.Agent.Backends.Tools;

/// <summary>The time that a tool may take to begin its answer, and between the pieces of it.</summary>
internal sealed class ToolWatch : IDisposable
{
    private readonly HttpToolOptions _options;
    private readonly CancellationToken _outer;
    private readonly CancellationTokenSource _late;
    private readonly CancellationTokenSource _either;

    public ToolWatch(HttpToolOptions options, TimeProvider time, CancellationToken outer)
    {
        (_options, _outer) = (options, outer);
        _late = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        _either = CancellationTokenSource.CreateLinkedTokenSource(_late.Token, outer);
    }

    /// <summary>Ends when the tool is late, or the attempt is over.</summary>
    public CancellationToken Token => _either.Token;

    /// <summary>The tool was late, and nothing else ended the attempt.</summary>
    public bool IsLate => _late.IsCancellationRequested && !_outer.IsCancellationRequested;

    /// <summary>How long it had.</summary>
    public TimeSpan Limit { get; private set; }

    /// <summary>The answer is to begin.</summary>
    public void ArmForHead() => Arm(_options.AnswerWithin ?? Timeout.InfiniteTimeSpan);

    /// <summary>The answer is to go on.</summary>
    public void ArmForBody() => Arm(_options.Stall);

    /// <summary>It is not the tool that is waited for.</summary>
    public void Disarm() => _late.CancelAfter(Timeout.InfiniteTimeSpan);

    public void Dispose()
    {
        _either.Dispose();
        _late.Dispose();
    }

    private void Arm(TimeSpan limit)
    {
        Limit = limit;
        _late.CancelAfter(limit);
    }
}
