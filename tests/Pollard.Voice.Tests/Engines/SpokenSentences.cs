namespace Pollard.Voice.Tests.Engines;

/// <summary>What is said and heard in the tests, and how much of it was right.</summary>
internal static class SpokenSentences
{
    /// <summary>Twenty sentences, each unlike the others.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        "What time is it?",
        "Cancel my appointment.",
        "I would like to speak to an agent.",
        "Please call me back tomorrow morning.",
        "Where is the nearest office?",
        "My order has not arrived.",
        "Change my address.",
        "How much does it cost?",
        "Turn off the lights in the kitchen.",
        "Book a table for two people.",
        "Repeat that, please.",
        "Thank you, goodbye.",
        "I forgot my password.",
        "Is the doctor available on Monday?",
        "Send me the invoice by mail.",
        "What is the weather like today?",
        "Transfer five hundred dollars to my savings.",
        "Open the garage door.",
        "I want to return a broken phone.",
        "Can you help me with my bill?",
    ];

    /// <summary>The words of a sentence, small and without marks.</summary>
    public static string[] Words(string sentence) =>
        sentence.ToLowerInvariant().Split([' ', ',', '.', '?', '!'], StringSplitOptions.RemoveEmptyEntries);

    /// <summary>How many words must be put in, taken out or changed to make one of the other.</summary>
    public static int Errors(string said, string heard)
    {
        var (from, to) = (Words(said), Words(heard));
        var row = Enumerable.Range(0, to.Length + 1).ToArray();
        for (var i = 1; i <= from.Length; i++)
        {
            var corner = row[0];
            row[0] = i;
            for (var j = 1; j <= to.Length; j++)
            {
                var changed = corner + (from[i - 1] == to[j - 1] ? 0 : 1);
                corner = row[j];
                row[j] = Math.Min(changed, 1 + Math.Min(row[j], row[j - 1]));
            }
        }

        return row[^1];
    }
}
