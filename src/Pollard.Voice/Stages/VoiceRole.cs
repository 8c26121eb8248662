namespace Pollard.Voice.Stages;

/// <summary>The services of a call, by their names on the wire and in commands.</summary>
internal static class VoiceRole
{
    /// <summary>Brings what the caller says.</summary>
    public const string Inbound = "inbound";

    /// <summary>Recognises it.</summary>
    public const string Stt = "stt";

    /// <summary>Answers it.</summary>
    public const string Llm = "llm";

    /// <summary>Speaks the answer.</summary>
    public const string Tts = "tts";

    /// <summary>Plays it to the caller.</summary>
    public const string Outbound = "outbound";
}
