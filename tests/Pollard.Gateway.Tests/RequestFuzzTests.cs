using CsCheck;
using Pollard.Gateway.Http;
using Pollard.Gateway.Requests;
using Pollard.Gateway.Validation;
using Pollard.Testing;

namespace Pollard.Gateway.Tests;

/// <summary>Damaged requests are refused in words, and the words hold nothing of the request.</summary>
public sealed class RequestFuzzTests
{
    private const int Times = 10_000;
    private static readonly GatewayOptions Options = new();
    private static readonly ValidationPlanReader Plans = new AnswerReview(TimeProvider.System).Plans;

    private static readonly string[] Chats =
    [
        """
            {"model":"m","stream":true,"stream_options":{"include_usage":true},"store":false,"n":2,"tools":[{"type":"function"}],
            "messages":[{"role":"user","content":"Geheimnis"},{"role":"user","content":[{"type":"text","text":"Geheimnis"},
            {"type":"image_url","image_url":{"url":"data:image/png;base64,Geheimnis"}}]}],"Geheimnis":{"x":["Geheimnis"]}}
            """,
        """{"model":"m","prompt":["Geheimnis"],"suffix":"Geheimnis","stream":false,"n":1}""",
        """{"model":"m","input":["Geheimnis","b"],"encoding_format":"base64","dimensions":8}""",
    ];

    private static readonly string[] Ollamas =
    [
        """
            {"model":"m","stream":true,"think":"low","format":{"Geheimnis":1},"keep_alive":"5m","tools":[{"type":"function"}],
            "options":{"num_predict":9,"top_k":3,"temperature":0.5,"stop":["Geheimnis"],"mirostat":0},"logprobs":true,
            "messages":[{"role":"user","content":"Geheimnis","images":["Geheimnis"]},
            {"role":"assistant","content":"","thinking":"Geheimnis","tool_calls":[{"id":"c","function":{"name":"look","arguments":{"a":1}}}]},
            {"role":"tool","tool_name":"look","content":"Geheimnis"}]}
            """,
        """{"model":"m","prompt":"Geheimnis","suffix":"x","system":"Geheimnis","context":[1,2],"raw":true,"top_logprobs":3}""",
        """{"model":"m","input":["Geheimnis"],"truncate":true,"dimensions":8,"options":{"num_ctx":1}}""",
    ];

    private static readonly string[] Tasks =
    [
        """
            {"kind":"chat","model":"m","request":{"messages":[{"role":"user","content":"Geheimnis"}]},"priority":5,"timeout":60,
            "queue_timeout":1.5,"max_attempts":2,"run_at":"2026-01-01T00:00:00Z","requires":{"labels":["gpu"],"host":"Geheimnis",
            "context":8,"features":["tools"]},"metadata":{"Geheimnis":"Geheimnis"},"retention":9,"durability":"full"}
            """,
        """{"tasks":[{"kind":"embedding","model":"m","request":{"input":"Geheimnis"}}]}""",
    ];

    [Fact]
    public void OpenAIs_requests_are_read_or_refused() =>
        Try(
            Chats,
            bytes =>
            {
                Only(() => RequestScanner.Scan(bytes, RequestShape.Chat, Options));
                Only(() => RequestScanner.Scan(bytes, RequestShape.Completion, Options));
                Only(() => RequestScanner.Scan(bytes, RequestShape.Embedding, Options));
            }
        );

    [Fact]
    public void Ollamas_requests_are_read_or_refused() =>
        Try(
            Ollamas,
            bytes =>
            {
                Only(() => Doors.Ollama.OllamaRequest.ReadChat(bytes, Options));
                Only(() => Doors.Ollama.OllamaRequest.ReadGenerate(bytes));
                Only(() => Doors.Ollama.OllamaRequest.ReadEmbedding(bytes, "input"));
                Only(() => Doors.Ollama.OllamaRequest.ReadModel(bytes));
            }
        );

    [Fact]
    public void Submissions_are_read_or_refused() =>
        Try(Tasks, bytes => Only(() => Doors.Tasks.SubmitReader.Read(bytes, Plans, Options)));

    private static void Try(string[] samples, Action<byte[]> parse) =>
        Gen.Select(Gen.Int[0, samples.Length - 1], Gen.Int)
            .Sample((sample, seed) => parse(JsonFuzz.Damage(samples[sample], seed)), iter: Times);

    private static void Only(Action parse)
    {
        try
        {
            parse();
        }
        catch (RejectedException e)
        {
            Assert.InRange(e.Error.Status, 400, 499);
            Assert.DoesNotContain(JsonFuzz.Secret, e.Error.Message);
            Assert.DoesNotContain(JsonFuzz.Secret, e.Error.Parameter ?? "");
        }
    }
}
