namespace Pollard.Tasks.Leases;

/// <summary>What a piece of work took, once it was done.</summary>
/// <param name="RequestBytes">The part of the request that had to be read.</param>
/// <param name="FirstSeconds">Until the first output, without the loading of the model.</param>
/// <param name="RestSeconds">From there to the end.</param>
/// <param name="Tokens">The length of the answer.</param>
internal readonly record struct WorkSample(double RequestBytes, double FirstSeconds, double RestSeconds, double Tokens);

/// <summary>How fast work of one kind with one model goes, by running means. Used under the engine's lock.</summary>
/// <param name="memory">About so many of the last answers count.</param>
internal sealed class WorkRate(int memory)
{
    // Where all requests were of much the same size, as if the time went half into reading: what is known says nothing else.
    private const double Prior = 0.05;
    private int _samples;
    private double _bytes;
    private double _bytesSquared;
    private double _first;
    private double _firstTimesBytes;
    private double _rest;
    private double _loads;
    private double _load;

    /// <summary>Something was measured.</summary>
    public bool IsKnown => _samples > 0;

    /// <summary>The mean time of an answer, without loading; null when nothing was measured.</summary>
    public double? MeanSeconds => IsKnown ? _first + _rest : null;

    /// <summary>The mean length of an answer, in tokens.</summary>
    public double Tokens { get; private set; }

    /// <summary>Tokens of output a second; null when answers came in one piece, or none came.</summary>
    public double? TokensPerSecond => _rest > 0 && Tokens > 0 ? Tokens / _rest : null;

    /// <summary>How long the model takes to load; null when nobody saw it.</summary>
    public double? LoadSeconds => _loads > 0 ? _load : null;

    /// <summary>Work was done.</summary>
    public void Note(in WorkSample sample)
    {
        var weight = Weight(++_samples);
        _bytes += weight * (sample.RequestBytes - _bytes);
        _bytesSquared += weight * ((sample.RequestBytes * sample.RequestBytes) - _bytesSquared);
        _first += weight * (sample.FirstSeconds - _first);
        _firstTimesBytes += weight * ((sample.FirstSeconds * sample.RequestBytes) - _firstTimesBytes);
        _rest += weight * (sample.RestSeconds - _rest);
        Tokens += weight * (sample.Tokens - Tokens);
    }

    /// <summary>The model was loaded for it first.</summary>
    public void NoteLoad(double seconds) => _load += Weight((int)++_loads) * (seconds - _load);

    /// <summary>How long a request of this size takes to its first token: the line of least squares through what was measured.</summary>
    public double FirstSeconds(double requestBytes)
    {
        if (_bytes <= 0)
        {
            return _first;
        }

        var together = _firstTimesBytes - (_bytes * _first);
        var spread = _bytesSquared - (_bytes * _bytes);
        var slope = (together + (Prior / 2 * _bytes * _first)) / (Math.Max(spread, 0) + (Prior * _bytes * _bytes));
        return _first + (Math.Clamp(slope, 0, _first / _bytes) * (requestBytes - _bytes));
    }

    /// <summary>How long such a request with so long an answer takes.</summary>
    public double Seconds(double requestBytes, double tokens) =>
        FirstSeconds(requestBytes) + (_rest / Math.Max(Tokens, 1) * tokens);

    private double Weight(int samples) => 1.0 / Math.Min(samples, memory);
}
