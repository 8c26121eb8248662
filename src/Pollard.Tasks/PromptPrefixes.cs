namespace Pollard.Tasks;

/// <summary>The beginning of a prompt, up to the border of a message.</summary>
/// <param name="Hash">Of all that is in it; 0 when there is no such beginning.</param>
/// <param name="Bytes">Its length.</param>
public readonly record struct PromptPrefix(ulong Hash, int Bytes);

/// <summary>
/// Beginnings of a prompt that a host may have in its cache from an earlier one. They only lead work to such a host: nothing
/// else depends on them, and one owner's are never compared with another's.
/// </summary>
/// <param name="Head">The first message, which many conversations may have in common.</param>
/// <param name="Earlier">All before the last answer in it: the prompt that this answer was given to.</param>
/// <param name="Whole">All of it.</param>
public readonly record struct PromptPrefixes(PromptPrefix Head, PromptPrefix Earlier, PromptPrefix Whole);
