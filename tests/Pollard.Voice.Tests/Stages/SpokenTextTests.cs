using CsCheck;
using Pollard.Voice.Stages;

namespace Pollard.Voice.Tests.Stages;

/// <summary>What a model writes, as it is spoken.</summary>
public sealed class SpokenTextTests
{
    [Theory]
    [InlineData("Hello there. How are you?", "Hello there.|How are you?")]
    [InlineData("Well, that is easy, and this is not. Next one.", "Well, that is easy,|and this is not.|Next one.")]
    [InlineData("It costs 3.50 dollars. Dr. Smith said so. Good.", "It costs 3.50 dollars.|Dr. Smith said so.|Good.")]
    [InlineData("He said \"Stop!\" Then he left. So.", "He said \"Stop!\"|Then he left.|So.")]
    [InlineData("First line here\nSecond line", "First line here|Second line")]
    [InlineData("We meet at 5 p.m. on Monday. Fine.", "We meet at 5 p.m. on Monday.|Fine.")]
    [InlineData("Wait... what? Yes.", "Wait...|what?|Yes.")]
    [InlineData("これは文です。次の文です。", "これは文です。|次の文です。")]
    [InlineData("1. Take it. 2. Leave it.", "1. Take it.|2. Leave it.")]
    [InlineData("   \n  ", "")]
    public void Pieces_end_where_sentences_do_and_the_first_one_early(string text, string pieces)
    {
        var whole = new SentenceSplitter();
        List<string> given = [.. whole.Add(text), .. whole.End()];
        Assert.Equal(pieces.Split('|', StringSplitOptions.RemoveEmptyEntries), given);
    }

    [Fact]
    public void Pieces_are_the_same_however_the_text_comes_and_lose_nothing()
    {
        string[] words = ["a", "word ", "Dr. ", "3.5 ", ". ", "! ", "?\n", ", ", "it is so", "\"x.\" ", "…", "长"];
        var part = Gen.Int[0, words.Length - 1].Select(index => words[index]);
        Gen.Select(part.List[0, 60], Gen.Int[1, 9])
            .Sample(
                (parts, cut) =>
                {
                    var text = string.Concat(parts);
                    var (whole, cuts) = (new SentenceSplitter(), new SentenceSplitter());
                    List<string> expected = [.. text.SelectMany(one => whole.Add(one.ToString())), .. whole.End()];
                    List<string> pieces =
                    [
                        .. text.Chunk(cut).SelectMany(chunk => cuts.Add(new string(chunk))),
                        .. cuts.End(),
                    ];
                    Assert.Equal(Bare(text), Bare(string.Concat(pieces)));
                    Assert.Equal(Bare(text), Bare(string.Concat(expected)));
                    Assert.All(
                        pieces,
                        static piece => Assert.InRange(piece.Length, 1, SentenceSplitter.MostCharacters)
                    );
                }
            );
    }

    [Fact]
    public void What_never_ends_is_cut_between_words()
    {
        var splitter = new SentenceSplitter();
        var pieces = splitter.Add(string.Concat(Enumerable.Repeat("word ", 200)));
        Assert.All(pieces, static piece => Assert.EndsWith("word", piece, StringComparison.Ordinal));
        Assert.All(pieces, static piece => Assert.InRange(piece.Length, 200, SentenceSplitter.MostCharacters));
    }

    [Fact]
    public void When_the_model_pauses_what_there_is_is_said_up_to_its_last_comma()
    {
        var splitter = new SentenceSplitter();
        Assert.Equal(["It is so, as I said."], [.. splitter.Add("It is so, as I said. "), .. splitter.End()]);
        Assert.Empty(splitter.Add("And then, as they went on, the "));
        Assert.Equal("And then, as they went on,", splitter.Pause());
        Assert.Null(splitter.Pause());
        Assert.Equal(["the end."], [.. splitter.Add("end."), .. splitter.End()]);
    }

    [Theory]
    [InlineData("**Bold** and _soft_ `code`", "Bold and soft code")]
    [InlineData("- an item of a list", "an item of a list")]
    [InlineData("## A heading", "A heading")]
    [InlineData("See [the docs](https://example.org/a/b?c=d) now.", "See the docs now.")]
    [InlineData("Go to https://www.example.org/a/b?c=d now.", "Go to example.org now.")]
    [InlineData("Great 👍🏽 news ❤️!", "Great news !")]
    [InlineData("| a | b |", "a b")]
    [InlineData("---", "")]
    [InlineData("...", "")]
    [InlineData("tab\tand\u200Bzero \u001b[31mred", "tab andzero [31mred")]
    [InlineData("5 + 3 = 8 and 10 % of € 7", "5 + 3 = 8 and 10 % of € 7")]
    public void What_is_for_the_eye_is_not_said(string piece, string said) =>
        Assert.Equal(said, SpokenText.Clean(piece));

    [Fact]
    public void What_is_thought_and_code_are_not_said_however_they_come()
    {
        var text = "<think>Let me see. </think>It is <b> five. ```python\nprint(5)\n``` Right. <think>never ends";
        foreach (var cut in Enumerable.Range(1, 20))
        {
            var spoken = new SpokenText();
            var said = string.Concat(text.Chunk(cut).Select(chunk => spoken.Add(new string(chunk)))) + spoken.End();
            Assert.Equal("It is <b> five.  Right. ", said);
        }

        var held = new SpokenText();
        Assert.Equal("a ", held.Add("a <thi"));
        Assert.Equal("<thi", held.End());
    }

    private static string Bare(string text) => string.Concat(text.Where(static one => !char.IsWhiteSpace(one)));
}
