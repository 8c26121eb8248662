using Pollard.Voice.Audio;
using Pollard.Voice.Links;

namespace Pollard.Voice.Legs;

/// <summary>The way on which one caller is reached: a phone, a file, a pipe.</summary>
internal interface ICallLeg : IAsyncDisposable
{
    /// <summary>The call.</summary>
    CallId Call { get; }

    /// <summary>Who calls, in one line for people: an address, a file.</summary>
    string Caller { get; }

    /// <summary>Samples a second of what is heard.</summary>
    int Rate { get; }

    /// <summary>What the caller is to hear; the leg takes it at its own pace.</summary>
    Playout Playout { get; }

    /// <summary>Hears the caller until the call is over.</summary>
    /// <param name="ear">Is told what is heard, by one thread at a time, and returns at once.</param>
    /// <param name="ct">This side ends the call: the caller is told so.</param>
    /// <returns>Why it is over, for the log.</returns>
    Task<string> RunAsync(ICallerEar ear, CancellationToken ct);
}

/// <summary>Hears a caller.</summary>
internal interface ICallerEar
{
    /// <summary>A piece of sound, in samples of the leg's rate; they are the leg's again afterwards.</summary>
    void Hear(ReadOnlySpan<float> samples);

    /// <summary>A key of the phone: 0 to 9, A to D, * and #.</summary>
    void Press(char key);
}
