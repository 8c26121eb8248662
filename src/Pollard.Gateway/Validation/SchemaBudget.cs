using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Pollard.Gateway.Validation;

/// <summary>What one evaluation of a schema may cost. An evaluation runs on one thread from its beginning to its end.</summary>
internal static class SchemaBudget
{
    private const int MostReferences = 100_000;
    private const int MostComparedItems = 5_000;
    private const int MatchCost = 500;

    [ThreadStatic]
    private static int _left;

    /// <summary>Before each evaluation.</summary>
    public static void Reset() => _left = MostReferences;

    /// <summary>A reference is followed.</summary>
    /// <exception cref="SchemaTooCostlyException">Too many were.</exception>
    public static void Spend()
    {
        // A chain of references is as deep as the schema is long, and a stack that overflows ends the gateway.
        if (--_left < 0 || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw new SchemaTooCostlyException();
        }
    }

    /// <summary>A pattern looks at some texts. One that may backtrack has its time for each of them.</summary>
    /// <exception cref="SchemaTooCostlyException">There were too many.</exception>
    public static void Match(Regex pattern, int texts)
    {
        if ((pattern.Options & RegexOptions.NonBacktracking) == RegexOptions.None)
        {
            _left -= MatchCost * Math.Min(texts, MostReferences / MatchCost + 1);
            if (_left < 0)
            {
                throw new SchemaTooCostlyException();
            }
        }
    }

    /// <summary>All items of a list are compared with all others.</summary>
    /// <exception cref="SchemaTooCostlyException">There are too many.</exception>
    public static void CompareAll(int items)
    {
        _left -= items / 10;
        if (items > MostComparedItems || _left < 0)
        {
            throw new SchemaTooCostlyException();
        }
    }
}

/// <summary>A schema asks for more steps than there is time for.</summary>
internal sealed class SchemaTooCostlyException() : Exception("the schema takes too many steps");
