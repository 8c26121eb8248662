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
    private const int MostPassed = 16;
    private readonly Lock _gate = new();
    private readonly Dictionary<CallId, (int Number, int Users)> _calls = [];
    private readonly SortedSet<int> _free =
    [
        .. Enumerable.Range(0, MostCalls).Select(static i => FirstNumber + (i * Step)),
    ];

    /// <summary>
    /// Gives a call its number on the wire, and its ports; the same to all who ask until each has given it back. A call whose id is a number
    /// that is free is known by it. Null: all are taken.
    /// </summary>
    public CallPlace? Take(CallId call)
    {
        lock (_gate)
        {
            if (_calls.TryGetValue(call, out var known))
            {
                _calls[call] = known with { Users = known.Users + 1 };
                return At(known.Number);
            }

            if (_free.Count == 0)
            {
                return null;
            }

            var number =
                call.Number is { } own and < FirstNumber + (MostCalls * Step) && _free.Contains((int)own)
                    ? (int)own
                    : _free.Min;
            _free.Remove(number);
            _calls[call] = (number, 1);
            return At(number);
        }
    }

    /// <summary>The call is over for one who has its number; it is free when it is so for all.</summary>
    public void Free(CallId call)
    {
        lock (_gate)
        {
            if (_calls.TryGetValue(call, out var known))
            {
                Leave(call, known);
                if (known.Users == 1)
                {
                    _free.Add(known.Number);
                }
            }
        }
    }

    /// <summary>
    /// Opens something at the ports of a call. A number of whose ports another program has one is passed over, unless the call is known by it.
    /// </summary>
    /// <exception cref="InvalidOperationException">All numbers are taken, or a port that it must be; the message says which.</exception>
    public T Open<T>(CallId call, Func<CallPlace, T> open)
    {
        List<int> passed = [];
        try
        {
            while (true)
            {
                var place =
                    Take(call)
                    ?? throw new InvalidOperationException($"Call {call} is one too many: all numbers are taken.");
                try
                {
                    return open(place);
                }
                catch (LinkPortException e)
                {
                    if (!TryPass(call, passed))
                    {
                        throw new InvalidOperationException(e.Message, e);
                    }
                }
            }
        }
        finally
        {
            lock (_gate)
            {
                _free.UnionWith(passed);
            }
        }
    }

    /// <summary>
    /// The ports of an id that somebody else has given out, as existing services reckon them: a name that is no number is 0. Null: there are
    /// no such ports.
    /// </summary>
    public CallPlace? Of(CallId call)
    {
        var number = call.Number ?? 0;
        return number > ushort.MaxValue - Math.Max(inboundBase, outboundBase)
            ? null
            : At((int)number) with
            {
                Call = call,
            };
    }

    private bool TryPass(CallId call, List<int> passed)
    {
        lock (_gate)
        {
            var known = _calls[call];
            Leave(call, known);
            if (known.Users > 1 || passed.Count == MostPassed)
            {
                return false;
            }

            passed.Add(known.Number);
            return true;
        }
    }

    private void Leave(CallId call, (int Number, int Users) known)
    {
        if (known.Users > 1)
        {
            _calls[call] = known with { Users = known.Users - 1 };
        }
        else
        {
            _calls.Remove(call);
        }
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
