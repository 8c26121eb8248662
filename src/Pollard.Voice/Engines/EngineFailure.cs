using System.Diagnostics;

namespace Pollard.Voice.Engines;

/// <summary>Why an engine did not do what it was asked.</summary>
internal enum EngineFault
{
    /// <summary>It heard nothing that is speech: no fault of the engine's.</summary>
    NoSpeech,

    /// <summary>It is not there: nobody answers, or it is not installed.</summary>
    Unreachable,

    /// <summary>It did not answer in time, or stopped in the middle for too long.</summary>
    Late,

    /// <summary>It has no room now.</summary>
    Busy,

    /// <summary>It does not take what it was asked: a model, a voice, a key, the sound.</summary>
    Refused,

    /// <summary>It failed by itself, or broke off.</summary>
    Broken,

    /// <summary>What it answered is not what was asked for.</summary>
    Garbled,

    /// <summary>What it was to take, or what it gave, is more than is taken.</summary>
    TooLarge,
}

/// <summary>Why an engine did not do what it was asked.</summary>
/// <param name="Fault">The kind.</param>
/// <param name="Detail">What happened, for the operator: the rest of a sentence that begins with the engine's name.</param>
internal sealed record EngineFailure(EngineFault Fault, string Detail)
{
    /// <summary>The word for it in logs and metrics.</summary>
    public string Word =>
        Fault switch
        {
            EngineFault.NoSpeech => "no_speech",
            EngineFault.Unreachable => "unreachable",
            EngineFault.Late => "late",
            EngineFault.Busy => "busy",
            EngineFault.Refused => "refused",
            EngineFault.Broken => "broken",
            EngineFault.Garbled => "garbled",
            EngineFault.TooLarge => "too_large",
            _ => throw new UnreachableException(),
        };
}

/// <summary>What an engine answers.</summary>
internal interface IEngineAnswer
{
    /// <summary>Why it is none, or not whole; null when it is.</summary>
    EngineFailure? Failure { get; }
}

/// <summary>An engine cannot be used as it is set up; the message says what to do.</summary>
internal sealed class EngineSetupException(string message) : Exception(message);
