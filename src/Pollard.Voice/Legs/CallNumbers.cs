using System.Globalization;
using Pollard.Voice.Links;

namespace Pollard.Voice.Legs;

/// <summary>
/// Numbers for calls, where existing services are in them, whose ports are reckoned from a call's number: even ones from 4 to 2002. The one that was
/// free last is not given out again at once: its services may still be saying goodbye.
/// </summary>
internal sealed class CallNumbers
{
    /// <summary>How many there are.</summary>
    public const int Count = 1_000;

    private const int First = 4;
    private const int Step = 2;
    private readonly SortedSet<int> _free = [.. Enumerable.Range(0, Count).Select(static i => First + (i * Step))];
    private readonly Lock _gate = new();
    private int _freedLast;

    /// <summary>The lowest number that is free; null: none is.</summary>
    public CallId? Take()
    {
        lock (_gate)
        {
            if (_free.Count == 0)
            {
                return null;
            }

            var number = _free.Min == _freedLast && _free.Count > 1 ? _free.ElementAt(1) : _free.Min;
            _free.Remove(number);
            return CallId.Parse(number.ToString(CultureInfo.InvariantCulture));
        }
    }

    /// <summary>The call is over.</summary>
    public void Free(CallId call)
    {
        lock (_gate)
        {
            _freedLast = (int)call.Number!.Value; // It is one of these.
            _free.Add(_freedLast);
        }
    }
}
