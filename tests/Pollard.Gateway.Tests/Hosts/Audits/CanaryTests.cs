using System.Text.Json;
using Pollard.Gateway.Hosts.Audits;
using Pollard.Simulators;

namespace Pollard.Gateway.Tests.Hosts.Audits;

/// <summary>What is asked in audits, and how answers are judged.</summary>
public sealed class CanaryTests
{
    private const string Prose =
        "A pollard is a tree whose crown was cut back so that it grows again above the reach of cattle and lives longer for it";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static readonly Canary Asked = new(
        "Repeat exactly these words: apple river stone 42",
        ["apple", "river", "stone", "42"]
    );

    [Theory]
    [InlineData("apple river stone 42")]
    [InlineData("Sure! Here they are: \"Apple, River, Stone, 42.\"")]
    [InlineData("[simulator] apple river stone 42")]
    [InlineData("1. apple\n2. river\n3. stone\n4. 42")]
    public void The_words_in_order_are_right(string answer) => Assert.Null(Asked.Objection(answer));

    [Theory]
    [InlineData("", "\"apple\"")]
    [InlineData("apple stone river 42", "\"stone\"")]
    [InlineData("apple river stone 43", "\"42\"")]
    [InlineData("apple rivers stone 42", "\"river\"")]
    [InlineData("You said: Repeat exactly these words: apple river stone 42", "gives the request back")]
    public void Anything_else_is_not(string answer, string why) =>
        Assert.Contains(why, Asked.Objection(answer), StringComparison.Ordinal);

    [Fact]
    public void Each_is_new_and_can_be_answered()
    {
        var random = new Random(1);
        var asked = Enumerable.Range(0, 100).Select(_ => Canary.New(random)).ToList();

        Assert.Equal(100, asked.Select(static canary => canary.Text).Distinct().Count());
        Assert.All(asked, static canary => Assert.Null(canary.Objection(string.Join(' ', canary.Words))));
        var request = JsonElement.Parse(asked[0].RequestFor("m", stream: true));
        Assert.Equal(asked[0].Text, request.GetProperty("messages")[0].GetProperty("content").GetString());
        Assert.Equal(0, request.GetProperty("temperature").GetInt32());
    }

    [Fact]
    public async Task A_simulator_answers_them_all()
    {
        await using var simulator = await OpenAiSimulator.StartAsync("http://127.0.0.1:0", new(), Token);
        using var client = new HttpClient(new SocketsHttpHandler()) { BaseAddress = simulator.Url };

        foreach (var canary in Enumerable.Range(0, 40).Select(static seed => Canary.New(new Random(seed))))
        {
            using var body = new ByteArrayContent(canary.RequestFor("pollard-demo", stream: false));
            using var answer = await client.PostAsync("/v1/chat/completions", body, Token);
            var json = JsonElement.Parse(await answer.Content.ReadAsByteArrayAsync(Token));
            var message = json.GetProperty("choices")[0].GetProperty("message");

            Assert.Null(canary.Objection(message.GetProperty("content").GetString()!));
        }
    }

    [Theory]
    [InlineData(Prose, true, "")]
    [InlineData("A pollard is a tree whose crown was cut back so that new shoots sprout", true, "")]
    [InlineData("The crown of a pollard tree is cut back above the reach of cattle and grows again", true, "")]
    [InlineData("Buy cheap watches now", true, "0 %")]
    [InlineData("Buy cheap watches now", false, "0 %")]
    [InlineData("", true, "0 %")]
    public void An_answer_is_compared_with_a_trusted_hosts(string answer, bool sameWeights, string expected)
    {
        var objection = TextAgreement.Objection(answer, Prose, sameWeights);

        Assert.Equal(expected.Length > 0, objection?.Length > 0);
        Assert.Contains(expected, objection, StringComparison.Ordinal);
    }

    [Fact]
    public void Short_answers_are_not_compared() =>
        Assert.Null(TextAgreement.Objection("No.", "Yes.", sameWeights: true));

    [Fact]
    public void Words_are_found_in_any_script() =>
        Assert.Equal(["Hi", "木", "を", "2x", "é"], TextAgreement.WordsOf("Hi, 木を 2x-é!"));
}
