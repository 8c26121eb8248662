namespace Pollard.Completion;

/// <summary>A word that may stand where the cursor is.</summary>
/// <param name="Text">The word.</param>
/// <param name="Description">What it means; shells that can show it do.</param>
internal sealed record Candidate(string Text, string? Description = null);
