namespace Pollard.Voice;

/// <summary>Which words of a call a piece is. Wires of existing services have none of it.</summary>
/// <param name="Turn">The caller's utterance, or which one is answered; rising in a call.</param>
/// <param name="Generation">How often what was to be said was thrown away: what is older than the newest is stale. Rising in a call.</param>
/// <param name="Sentence">Of the turn, from 1; of an utterance that was too long for one piece, its part.</param>
internal readonly record struct SpeechMark(uint Turn, uint Generation, uint Sentence);
