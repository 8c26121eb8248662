using Pollard.Voice.Links;

namespace Pollard.Voice.Stages;

/// <summary>
/// Gathers the keys that a caller presses, until they are whole: with <c>#</c>, which is not one of them unless it is alone, or when no other
/// comes for a while. Who brings them keeps them until then.
/// </summary>
internal sealed class PressedKeys : IDisposable
{
    private const char Enter = '#';
    private const int MostKeys = 64; // More are whole with these.
    private readonly ICallLink _bringer;
    private readonly Func<uint, string, bool> _take;
    private readonly TimeSpan _pause;
    private readonly ITimer _paused;
    private readonly Lock _gate = new();
    private string _keys = "";
    private uint _last;
    private uint _done;

    /// <param name="bringer">Who brings them.</param>
    /// <param name="last">The number of the last key that was taken in.</param>
    /// <param name="take">Takes in the number of the last key, and all of them as the caller's words; one at a time. False: it does not.</param>
    /// <param name="pause">How long another key is waited for.</param>
    /// <param name="time">The clock.</param>
    public PressedKeys(ICallLink bringer, uint last, Func<uint, string, bool> take, TimeSpan pause, TimeProvider time)
    {
        (_bringer, _last, _done, _take, _pause) = (bringer, last, last, take, pause);
        _paused = time.CreateTimer(
            static keys => ((PressedKeys)keys!).Finish(),
            this,
            Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan
        );
    }

    /// <summary>A key was pressed, or is said again.</summary>
    /// <returns>Whether it is a new one, and others are waited for.</returns>
    public bool Press(in LinkFrame key)
    {
        lock (_gate)
        {
            if (key.Chunk <= _last || key.Payload.Length != 1)
            {
                SayDone(); // The word of it may be lost.
                return false;
            }

            _last = key.Chunk;
            var pressed = (char)key.Payload.Span[0];
            _keys += pressed == Enter && _keys.Length > 0 ? "" : pressed;
            if (pressed == Enter || _keys.Length == MostKeys)
            {
                Finish();
                return false;
            }

            _paused.Change(_pause, Timeout.InfiniteTimeSpan);
            return true;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _paused.Dispose();

    private void Finish()
    {
        lock (_gate)
        {
            if (_keys.Length > 0 && _take(_last, $"[keys: {_keys}]"))
            {
                (_keys, _done) = ("", _last);
                SayDone();
            }
        }
    }

    private void SayDone() => _bringer.TrySend(new LinkFrame(FrameKind.KeyDone, Chunk: _done));
}
