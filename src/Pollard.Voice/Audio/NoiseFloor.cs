namespace Pollard.Voice.Audio;

/// <summary>
/// How loud it is where nobody speaks: the quietest of the last two seconds, as even who speaks without a pause is silent for moments.
/// Of each quarter of a second the two quietest windows do not count, since a lost packet leaves silence that is no part of the noise.
/// </summary>
internal sealed class NoiseFloor
{
    /// <summary>What is louder than this all the time is not believed to be noise.</summary>
    public const float Loudest = 0.03f;

    private const int BlockWindows = 12;
    private const int Blocks = 8;
    private const int Uncounted = 2;
    private readonly float[] _block = new float[BlockWindows];
    private readonly float[] _floors = new float[Blocks];
    private int _heard;
    private int _blocks;

    /// <summary>The level; the loudest until something is known, so that the noise at the beginning of a call is not taken for speech.</summary>
    public float Level { get; private set; } = Loudest;

    /// <summary>Hears a window.</summary>
    public void Hear(float level)
    {
        _block[_heard++] = level;
        if (_heard < BlockWindows)
        {
            return;
        }

        _block.AsSpan().Sort();
        _floors[_blocks++ % Blocks] = _block[Uncounted];
        _heard = 0;
        Level = Loudest;
        foreach (var floor in _floors.AsSpan(0, Math.Min(_blocks, Blocks)))
        {
            Level = Math.Min(Level, floor);
        }
    }
}
