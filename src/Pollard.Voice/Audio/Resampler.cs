using System.Numerics;
using System.Runtime.InteropServices;

namespace Pollard.Voice.Audio;

/// <summary>
/// Brings sound from one rate to another, piece by piece: how it was cut makes no difference to what comes out. A sample comes out as soon
/// as the 4.2 ms behind it are known (at the lower rate of 8,000; less at higher ones). What is no number is silence, and what is too loud
/// is clipped.
/// </summary>
internal sealed class Resampler
{
    private const int BlockSamples = 1_024;
    private readonly ResampleFilter? _filter; // None where there is nothing to do.
    private readonly float[] _window;
    private int _kept; // Samples in the window.
    private int _next; // Where in the window the samples of the next new one begin.
    private int _place; // How far behind the middle two of them it lies, in parts of the filter's Up.

    /// <exception cref="ArgumentOutOfRangeException">A rate is below 8,000 or above 48,000.</exception>
    public Resampler(int fromRate, int toRate)
    {
        (FromRate, ToRate) = (fromRate, toRate);
        var filter = ResampleFilter.Of(fromRate, toRate);
        _filter = fromRate == toRate ? null : filter;
        _window = new float[filter.Taps + BlockSamples];
        Restart();
    }

    /// <summary>Samples a second of what comes.</summary>
    public int FromRate { get; }

    /// <summary>Samples a second of what goes.</summary>
    public int ToRate { get; }

    /// <summary>As many samples as may come of so many at most, or of the end where there are none.</summary>
    public int MostOf(int samples) =>
        _filter is null ? samples : (int)(((long)samples + _filter.Taps) * _filter.Up / _filter.Down) + 1;

    /// <summary>Takes samples, and gives those that are known by then.</summary>
    /// <param name="input">At the old rate.</param>
    /// <param name="output">Room for as many as <see cref="MostOf"/> says.</param>
    /// <returns>How many there are.</returns>
    public int Process(ReadOnlySpan<float> input, Span<float> output)
    {
        if (_filter is null)
        {
            Samples.CopyClean(input, output);
            return input.Length;
        }

        var made = 0;
        while (!input.IsEmpty)
        {
            var part = input[..Math.Min(input.Length, _window.Length - _kept)];
            Samples.CopyClean(part, _window.AsSpan(_kept));
            _kept += part.Length;
            input = input[part.Length..];
            made += Make(_filter, output[made..]);
        }

        return made;
    }

    /// <summary>Gives what is left, as if silence followed, and begins anew.</summary>
    /// <param name="output">Room for as many as <see cref="MostOf"/> says of none.</param>
    /// <returns>How many there are.</returns>
    public int Flush(Span<float> output)
    {
        if (_filter is null)
        {
            return 0;
        }

        Span<float> silence = stackalloc float[BlockSamples];
        silence.Clear();
        var made = 0;
        for (var left = _filter.Taps / 2; left > 0; left -= BlockSamples)
        {
            made += Process(silence[..Math.Min(left, BlockSamples)], output[made..]);
        }

        Restart();
        return made;
    }

    // The first new sample lies on the first old one, so there is silence before it.
    private void Restart()
    {
        _window.AsSpan().Clear();
        _kept = _filter is null ? 0 : _filter.Taps / 2 - 1;
        (_next, _place) = (0, 0);
    }

    private int Make(ResampleFilter filter, Span<float> output)
    {
        var made = 0;
        while (_next + filter.Taps <= _kept)
        {
            output[made++] = Math.Clamp(At(filter, _window.AsSpan(_next, filter.Taps)), -1f, 1f);
            _place += filter.Down;
            _next += _place / filter.Up;
            _place %= filter.Up;
        }

        var used = Math.Min(_next, _kept);
        _window.AsSpan(used, _kept - used).CopyTo(_window);
        _kept -= used;
        _next -= used;
        return made;
    }

    private float At(ResampleFilter filter, ReadOnlySpan<float> samples)
    {
        if (filter.Phases == filter.Up)
        {
            return Dot(samples, filter.TapsOf(_place));
        }

        var (phase, rest) = Math.DivRem((long)_place * filter.Phases, filter.Up);
        var before = Dot(samples, filter.TapsOf((int)phase));
        var after = Dot(samples, filter.TapsOf((int)phase + 1));
        return before + (after - before) * rest / filter.Up;
    }

    // hot: 200 taps for each sample of 24,000 to 8,000. Two sums, so that one addition need not wait for the other.
    private static float Dot(ReadOnlySpan<float> samples, ReadOnlySpan<float> taps)
    {
        var ones = MemoryMarshal.Cast<float, Vector<float>>(samples);
        var others = MemoryMarshal.Cast<float, Vector<float>>(taps);
        var (sum, second) = (Vector<float>.Zero, Vector<float>.Zero);
        var i = 0;
        for (; i + 1 < others.Length; i += 2)
        {
            sum += ones[i] * others[i];
            second += ones[i + 1] * others[i + 1];
        }

        if (i < others.Length)
        {
            sum += ones[i] * others[i];
        }

        var total = Vector.Sum(sum + second);
        for (var rest = others.Length * Vector<float>.Count; rest < taps.Length; rest++)
        {
            total += samples[rest] * taps[rest]; // Nothing, unless vectors are wider than eight.
        }

        return total;
    }
}
