namespace Pollard.Voice.Links;

/// <summary>
/// The ports of calls, as existing services reckon them: a base and the call's number. The bases are one apart, so that calls whose numbers
/// are one apart share a port; here a number is given out for each call instead, of which no two meet.
/// </summary>
/// <param name="inboundBase">The base of the port that sound for recognition comes from.</param>
/// <param name="outboundBase">The base of the port that speech goes to.</param>
internal sealed class CallPorts(int inboundBase = 9001, int outboundBase = 9002)
{
    private const int Step = 2; // Even numbers: one side has the even ports, the other the odd ones.

    // Existing services listen at UDP 13000 + number as well, and at 13000, 13001 and 13002 for themselves.
    private const int FirstNumber = 4;
    private const int MostCalls = 1_000;
    private readonly Lock _gate = new();
    private readonly Dictionary<CallId, int> _numbers = [];
    private readonly SortedSet<int> _free =
    [
        .. Enumerable.Range(0, MostCalls).Select(static i => FirstNumber + (i * Step)),
    ];

    /// <summary>Gives a call its number on the wire, and its ports; the same as long as it has them. Null: all are taken.</summary>
    public CallPlace? Take(CallId call)
    {
        lock (_gate)
        {
            if (!_numbers.TryGetValue(call, out var number))
            {
                if (_free.Count == 0)
                {
                    return null;
                }

                number = _free.Min;
                _free.Remove(number);
                _numbers[call] = number;
            }

            return At(number);
        }
    }

    /// <summary>The call is over, and its number is free.</summary>
    public void Free(CallId call)
    {
        lock (_gate)
        {
            if (_numbers.Remove(call, out var number))
            {
                _free.Add(number);
            }
        }
    }

    /// <summary>
    /// The ports of an id that somebody else has given out, as existing services reckon them: a name that is no number is 0.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such port.</exception>
    public CallPlace Of(CallId call)
    {
        var number = call.Number ?? 0;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(
            number,
            (uint)(ushort.MaxValue - Math.Max(inboundBase, outboundBase)),
            nameof(call)
        );
        return At((int)number) with { Call = call };
    }

    private CallPlace At(int number) =>
        new(
            CallId.Parse(number.ToString(System.Globalization.CultureInfo.InvariantCulture)),
            inboundBase + number,
            outboundBase + number
        );
}

/// <summary>What a call is called on the wire, and its ports.</summary>
/// <param name="Call">The id that its services hear.</param>
/// <param name="InboundPort">Where sound for recognition is fetched.</param>
/// <param name="OutboundPort">Where speech is brought.</param>
internal sealed record CallPlace(CallId Call, int InboundPort, int OutboundPort);
