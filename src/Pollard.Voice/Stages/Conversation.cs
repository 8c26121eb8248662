using Pollard.Client;

namespace Pollard.Voice.Stages;

/// <summary>What caller and model have said to each other, as the caller has heard it. Its owner keeps the lock.</summary>
/// <param name="system">What the model is told before; null: nothing.</param>
/// <param name="mostTurns">What the model is given at the most.</param>
internal sealed class Conversation(string? system, int mostTurns)
{
    private readonly List<ChatTurn> _said = [];

    /// <summary>The caller said something. What they said before without being answered belongs to it.</summary>
    public void Caller(string text)
    {
        if (_said is [.., { Role: "user" } last])
        {
            _said[^1] = last with { Content = $"{last.Content} {text}" };
        }
        else
        {
            _said.Add(new ChatTurn("user", text));
        }
    }

    /// <summary>The caller has heard an answer, or some of it.</summary>
    public void Model(string text)
    {
        if (text.Length > 0)
        {
            _said.Add(new ChatTurn("assistant", text));
        }
    }

    /// <summary>All of it that the model is given.</summary>
    public IReadOnlyList<ChatTurn> Talk()
    {
        var last = _said
            .Skip(Math.Max(0, _said.Count - mostTurns))
            .SkipWhile(turn => _said.Count > mostTurns && turn.Role != "user");
        return system is null ? [.. last] : [new ChatTurn("system", system), .. last];
    }
}
