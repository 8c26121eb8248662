using System.Numerics;

namespace Pollard.Voice.Audio;

/// <summary>
/// Finds what is said in what is heard. It keeps as many samples as the longest utterance has, and the time before one.
/// Not for several threads.
/// </summary>
internal sealed class Endpointer
{
    private readonly int _startWindows;
    private readonly int _startWithin;
    private readonly Action<SpeechEvent> _happened;
    private readonly ISpeechDetector _detector;
    private readonly int _rate;
    private readonly int _windowSamples;
    private readonly int _preRoll;
    private readonly int _endSilence;
    private readonly int _tail;
    private readonly int _shortest;
    private readonly int _longest;
    private readonly int _splitWithin;

    // Places are windows of the buffer from here on; what is kept moves to its front when it is full.
    private readonly float[] _samples;
    private readonly float[] _levels;
    private long _before; // Windows that the buffer no longer has.
    private int _whole; // Windows that are heard.
    private int _partSamples; // Samples of the next one.
    private int _given; // Where that ends which was given already.
    private uint _recent; // Which of the last windows were loud, the last one lowest.
    private bool _isSpeech;
    private bool _isContinued;
    private int _begin; // Of the utterance.
    private int _onset; // Its first loud window.
    private int _lastLoud;

    /// <param name="profile">When speech begins and ends.</param>
    /// <param name="rate">Samples a second, from 8,000 to 48,000.</param>
    /// <param name="happened">Is told what happens, within <see cref="Hear"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">There may be no such rate, or the detector does not know it.</exception>
    public Endpointer(EndpointProfile profile, int rate, Action<SpeechEvent> happened)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rate, ResampleFilter.LeastRate);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rate, ResampleFilter.MostRate);
        (_detector, _rate, _happened) = (
            profile.Detector?.Invoke(rate) ?? new LoudnessDetector(profile),
            rate,
            happened
        );
        _windowSamples = (int)(EndpointProfile.Window.TotalSeconds * rate);
        (_startWindows, _startWithin) = (profile.StartWindows, profile.StartWithin);
        _preRoll = Windows(profile.PreRoll);
        _endSilence = Windows(profile.EndSilence);
        _tail = Windows(profile.Tail);
        _shortest = Windows(profile.Shortest);
        _splitWithin = Math.Max(Windows(profile.SplitWithin), 1);
        _longest = Math.Max(Windows(profile.Longest), _preRoll + profile.StartWithin + 1);
        _levels = new float[_longest + _preRoll + profile.StartWithin + 1];
        _samples = new float[_levels.Length * _windowSamples];
    }

    /// <summary>Hears sound, in pieces of any size.</summary>
    public void Hear(ReadOnlySpan<float> samples)
    {
        while (!samples.IsEmpty)
        {
            if (_whole == _levels.Length)
            {
                MakeRoom();
            }

            var part = samples[..Math.Min(samples.Length, _windowSamples - _partSamples)];
            Samples.CopyClean(part, _samples.AsSpan(_whole * _windowSamples + _partSamples));
            _partSamples += part.Length;
            samples = samples[part.Length..];
            if (_partSamples == _windowSamples)
            {
                _partSamples = 0;
                HearWindow(_samples.AsSpan(_whole * _windowSamples, _windowSamples));
            }
        }
    }

    /// <summary>Nothing more is heard: gives what has begun. Less than a window at the very end is not.</summary>
    public void Flush()
    {
        if (_isSpeech)
        {
            End();
        }
    }

    private void HearWindow(ReadOnlySpan<float> window)
    {
        var level = Samples.RootMeanSquare(window);
        var sign = _detector.Hear(window, level);
        _levels[_whole++] = level;
        if (_isSpeech)
        {
            if (sign != SpeechSign.None)
            {
                _lastLoud = _whole - 1;
            }

            if (_whole - 1 - _lastLoud >= _endSilence)
            {
                End();
            }
            else if (_whole - _begin >= _longest)
            {
                Split();
            }
        }
        else
        {
            _recent = ((_recent << 1) | (sign == SpeechSign.Strong ? 1u : 0)) & ((1u << _startWithin) - 1);
            if (BitOperations.PopCount(_recent) >= _startWindows)
            {
                Begin();
            }
        }
    }

    private void Begin()
    {
        _onset = _whole - (BitOperations.Log2(_recent) + 1);
        _begin = Math.Max(_onset - _preRoll, _given);
        (_lastLoud, _isSpeech, _isContinued) = (_whole - 1, true, false);
        _happened(new SpeechEvent.Started(TimeOf(_onset)));
    }

    private void End()
    {
        (_isSpeech, _recent) = (false, 0);
        var loud = _lastLoud + 1 - _onset;
        if (loud < _shortest && !_isContinued) // The end of a sentence may be short.
        {
            _happened(new SpeechEvent.Discarded(TimeOf(_onset), loud * EndpointProfile.Window));
            return;
        }

        Give(Math.Min(_lastLoud + 1 + _tail, _whole), goesOn: false);
    }

    // What follows the cut has a loud window at least, so that who waits for the end of an utterance gets it.
    private void Split()
    {
        var cut = _lastLoud;
        var quietest = float.PositiveInfinity;
        for (var place = _lastLoud; place > _begin && place >= _whole - _splitWithin; place--)
        {
            var level = _levels[place - 1] + _levels[place];
            if (level < quietest)
            {
                (cut, quietest) = (place, level);
            }
        }

        Give(cut, goesOn: true);
        (_begin, _onset, _isContinued) = (cut, cut, true);
    }

    private void Give(int end, bool goesOn)
    {
        _given = end;
        var samples = _samples.AsSpan(_begin * _windowSamples, (end - _begin) * _windowSamples).ToArray();
        _happened(new SpeechEvent.Utterance(TimeOf(_begin), samples, goesOn));
    }

    private void MakeRoom()
    {
        var first = _isSpeech ? _begin : _whole - (_preRoll + _startWithin);
        _samples.AsSpan(first * _windowSamples, (_whole - first) * _windowSamples).CopyTo(_samples);
        _levels.AsSpan(first, _whole - first).CopyTo(_levels);
        _before += first;
        _whole -= first;
        _given = Math.Max(_given - first, 0);
        (_begin, _onset, _lastLoud) = (_begin - first, _onset - first, _lastLoud - first);
    }

    private static int Windows(TimeSpan time) => (int)Math.Round(time / EndpointProfile.Window);

    private TimeSpan TimeOf(int window) => TimeSpan.FromSeconds((_before + window) * (double)_windowSamples / _rate);
}
