using Pollard.Tasks;

namespace Pollard.Simulation.Choosing;

/// <summary>What one client wants, and what became of it.</summary>
/// <param name="Owner">Whose it is.</param>
/// <param name="Model">The model.</param>
/// <param name="RequestBytes">The size of the request.</param>
/// <param name="Tokens">The length of the answer.</param>
/// <param name="At">When it is asked for, in seconds.</param>
internal sealed record Job(string Owner, string Model, int RequestBytes, int Tokens, double At)
{
    /// <summary>Beginnings of the prompt.</summary>
    public PromptPrefixes Prefixes { get; init; }

    /// <summary>What is asked; null: nobody looks at it.</summary>
    public byte[]? Request { get; init; }

    /// <summary>How another host could go on with its answer.</summary>
    public Continuations Continuations { get; init; }

    /// <summary>When its answer began to be worked on for the last time.</summary>
    public double? BeganAt { get; set; }

    /// <summary>When it was done; null: not yet.</summary>
    public double? DoneAt { get; set; }

    /// <summary>Who did it.</summary>
    public string? DoneBy { get; set; }

    /// <summary>Does what its client does then.</summary>
    public Action? Done { get; init; }
}
