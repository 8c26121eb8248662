using System.Buffers;
using System.Text;

namespace Pollard.Voice.Stages;

/// <summary>
/// Cuts what a model writes into pieces that can be spoken, as it comes: the first as early as it makes sense, so that the caller hears
/// something, the others where sentences end. Not for several threads.
/// </summary>
internal sealed class SentenceSplitter
{
    /// <summary>Characters of a piece. A model that never ends a sentence is cut between words.</summary>
    public const int MostCharacters = 250;

    private const int LeastFirst = 12; // Shorter, a voice has no melody.
    private static readonly SearchValues<char> Ends = SearchValues.Create(".!?…。！？\n");
    private static readonly SearchValues<char> Clauses = SearchValues.Create(",;:–—，；：、");

    // Behind them a sentence goes on, more often than not.
    private static readonly HashSet<string> Abbreviations = new(StringComparer.OrdinalIgnoreCase)
    {
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "st",
        "vs",
        "etc",
        "no",
        "approx",
        "e.g",
        "i.e",
        "a.m",
        "p.m",
        "u.s",
        "z.b",
        "bzw",
        "ca",
        "nr",
        "usw",
    };

    private readonly StringBuilder _text = new();
    private bool _isFirst = true;

    /// <summary>Takes what came, and gives the pieces that are whole with it.</summary>
    public IReadOnlyList<string> Add(string text)
    {
        _text.Append(text);
        List<string> pieces = [];
        while (CutAt(_text.ToString(), isMore: true) is > 0 and var cut)
        {
            Give(cut, pieces);
        }

        return pieces;
    }

    /// <summary>Nothing has come for a while: gives what can be said by itself, up to its last comma.</summary>
    public string? Pause()
    {
        var text = _text.ToString();
        var cut = text.AsSpan().LastIndexOfAny(Clauses) + 1;
        List<string> pieces = [];
        if (cut >= LeastFirst && cut < text.Length && char.IsWhiteSpace(text[cut]))
        {
            Give(cut, pieces);
        }

        return pieces.FirstOrDefault();
    }

    /// <summary>Nothing more comes: gives the rest.</summary>
    public IReadOnlyList<string> End()
    {
        List<string> pieces = [];
        while (_text.Length > 0)
        {
            var text = _text.ToString();
            Give(CutAt(text, isMore: false) is > 0 and var cut ? cut : text.Length, pieces);
        }

        return pieces;
    }

    private void Give(int cut, List<string> pieces)
    {
        var piece = _text.ToString(0, cut).Trim();
        _text.Remove(0, cut);
        if (piece.Length > 0)
        {
            pieces.Add(piece);
            _isFirst = false;
        }
    }

    /// <summary>How many characters the next piece has; 0: it is not whole yet.</summary>
    private int CutAt(string text, bool isMore)
    {
        for (var from = 0; from < text.Length; )
        {
            var at = text.AsSpan(from).IndexOfAny(Ends);
            if (at < 0)
            {
                break;
            }

            at += from;
            if (EndsAt(text, at, isMore) is > 0 and var end && end <= MostCharacters)
            {
                return _isFirst && ClauseOf(text.AsSpan(0, end)) is > 0 and var early ? early : end;
            }

            from = at + 1;
        }

        if (_isFirst && ClauseOf(text) is > 0 and var clause)
        {
            return clause;
        }

        return text.Length > MostCharacters ? WordsOf(text) : 0;
    }

    /// <summary>Behind the mark at a place: how long the piece is that it ends. 0: it ends none, or more must come to know it.</summary>
    private static int EndsAt(string text, int at, bool isMore)
    {
        if (text[at] == '\n')
        {
            return at + 1;
        }

        var end = at + 1;
        while (end < text.Length && (Ends.Contains(text[end]) || text[end] is '"' or '”' or '’' or ')' or '»' or '“'))
        {
            end++;
        }

        if (text[at] is '。' or '！' or '？')
        {
            return end;
        }

        if (end == text.Length)
        {
            return isMore ? 0 : end;
        }

        return char.IsWhiteSpace(text[end]) && !(text[at] == '.' && IsInside(text, at)) ? end : 0;
    }

    /// <summary>Whether the dot at a place is of an abbreviation or a number of a list, and not of a sentence.</summary>
    private static bool IsInside(string text, int dot)
    {
        var begin = dot;
        while (begin > 0 && !char.IsWhiteSpace(text[begin - 1]) && text[begin - 1] is not ('(' or '"'))
        {
            begin--;
        }

        var word = text[begin..dot];
        var isInitial = word.Length == 1 && char.IsUpper(word[0]);
        var isListed = string.IsNullOrWhiteSpace(text[..begin]) && word.Length is 1 or 2 && word.All(char.IsAsciiDigit);
        return isInitial || isListed || Abbreviations.Contains(word);
    }

    /// <summary>How long the first clause is that is long enough; 0: there is none.</summary>
    private static int ClauseOf(ReadOnlySpan<char> text)
    {
        for (var from = LeastFirst - 1; from < text.Length - 1; from++)
        {
            if (Clauses.Contains(text[from]) && char.IsWhiteSpace(text[from + 1]))
            {
                return from + 1;
            }
        }

        return 0;
    }

    private static int WordsOf(string text)
    {
        var cut = text.LastIndexOf(' ', MostCharacters - 1);
        if (cut > 0)
        {
            return cut;
        }

        return char.IsHighSurrogate(text[MostCharacters - 1]) ? MostCharacters - 1 : MostCharacters;
    }
}
