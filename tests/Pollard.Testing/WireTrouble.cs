namespace Pollard.Testing;

/// <summary>What is wrong with a wire, drawn from a seed. What passes at a time is a piece: what one read of a socket gives.</summary>
public sealed class WireTrouble(int seed)
{
    private readonly Random _random = new(seed);
    private readonly Lock _gate = new();
    private int _cuts;
    private int _swallows;

    /// <summary>The longest that a piece is on its way; each is for a time of its own.</summary>
    public TimeSpan MostDelay { get; init; }

    /// <summary>How much passes on one connection, in one direction. Absent: as much as comes.</summary>
    public int? BytesPerSecond { get; init; }

    /// <summary>The share of pieces in whose middle the connection is cut, 0 to 1.</summary>
    public double CutShare { get; init; }

    /// <summary>The share of pieces from which on a connection carries nothing more in this direction, and stays open, 0 to 1.</summary>
    public double SwallowShare { get; init; }

    /// <summary>Cuts at the most.</summary>
    public int MostCuts { get; init; } = int.MaxValue;

    /// <summary>Connections that go silent, at the most.</summary>
    public int MostSwallows { get; init; } = int.MaxValue;

    /// <summary>Cuts so far.</summary>
    public int Cuts => Volatile.Read(ref _cuts);

    /// <summary>Connections that went silent so far.</summary>
    public int Swallows => Volatile.Read(ref _swallows);

    /// <summary>What happens to a piece.</summary>
    /// <param name="bytes">Its size.</param>
    internal PieceFate Draw(int bytes)
    {
        lock (_gate)
        {
            var delay = MostDelay * _random.NextDouble();
            var drawn = _random.NextDouble();
            if (BytesPerSecond is { } rate)
            {
                delay += TimeSpan.FromSeconds((double)bytes / rate);
            }

            if (drawn < CutShare && _cuts < MostCuts)
            {
                _cuts++;
                return new PieceFate(delay, _random.Next(bytes), End.Cut);
            }

            if (drawn >= CutShare && drawn < CutShare + SwallowShare && _swallows < MostSwallows)
            {
                _swallows++;
                return new PieceFate(delay, _random.Next(bytes), End.Swallowed);
            }

            return new PieceFate(delay, bytes, End.None);
        }
    }

    /// <summary>What ends with a piece.</summary>
    internal enum End
    {
        /// <summary>Nothing.</summary>
        None,

        /// <summary>The connection.</summary>
        Cut,

        /// <summary>What the connection carries in this direction.</summary>
        Swallowed,
    }

    /// <summary>What happens to a piece.</summary>
    /// <param name="Delay">How long it is on its way.</param>
    /// <param name="Bytes">How much of it arrives.</param>
    /// <param name="End">What ends with it.</param>
    internal readonly record struct PieceFate(TimeSpan Delay, int Bytes, End End);
}
