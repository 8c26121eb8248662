using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Pollard.Simulation.Trust;

/// <summary>What a host is asked, and what its model says to it.</summary>
/// <param name="IsCanary">True for a canary, as far as a host could tell.</param>
/// <param name="Right">What the model says.</param>
/// <param name="Other">What a smaller model says instead.</param>
internal sealed record Question(bool IsCanary, string Right, string Other)
{
    private const int WordsInAnswer = 60;
    private const int WordsInLanguage = 300;

    /// <summary>A client's request.</summary>
    public static byte[] Request(int number) => Encoding.UTF8.GetBytes(number.ToString(CultureInfo.InvariantCulture));

    /// <summary>Reads a request, a client's or an audit's.</summary>
    public static Question Read(ReadOnlyMemory<byte> request)
    {
        if (request.Span[0] != (byte)'{')
        {
            var number = int.Parse(request.Span, CultureInfo.InvariantCulture);
            return new Question(IsCanary: false, Words(number), Words(-number - 1));
        }

        var asked = JsonElement.Parse(request.Span).GetProperty("messages")[0].GetProperty("content").GetString()!;
        var words = asked.Split(": ")[1];
        return new Question(IsCanary: true, $"Sure: {words}", words[..^2]); // It leaves something out.
    }

    /// <summary>What no model says to anything.</summary>
    public static string Rubbish(Random random) => Words(random.Next());

    private static string Words(int seed)
    {
        var random = new Random(seed);
        return string.Join(
            ' ',
            Enumerable
                .Range(0, WordsInAnswer)
                .Select(_ => "w" + random.Next(WordsInLanguage).ToString(CultureInfo.InvariantCulture))
        );
    }
}
