using System.Text.Json;
using CsCheck;
using Pollard.Agent.Backends;
using Pollard.Agent.Backends.Http;
using Pollard.Agent.Backends.Ollama;
using Pollard.Agent.Backends.OpenAi;
using Pollard.Testing;

namespace Pollard.Agent.Tests.Backends;

/// <summary>Damaged requests and damaged answers end an attempt in words; those about requests hold nothing of them.</summary>
public sealed class BackendFuzzTests
{
    private const int Times = 10_000;
    private static readonly OpenAiBackendOptions Options = new() { BaseUrl = new("http://127.0.0.1:1") };

    private static readonly string[] Requests =
    [
        """
            {"model":"m","stream":true,"stream_options":{"include_usage":true},"n":1,"temperature":0.5,"max_tokens":9,"stop":["Geheimnis"],
            "tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"auto","response_format":{"type":"json_schema",
            "json_schema":{"schema":{"Geheimnis":1}}},"reasoning_effort":"low","logprobs":true,"top_logprobs":2,
            "messages":[{"role":"developer","content":"Geheimnis"},{"role":"user","content":[{"type":"text","text":"Geheimnis"},
            {"type":"image_url","image_url":{"url":"data:image/png;base64,Geheimnis"}}]},{"role":"assistant","tool_calls":[{"id":"c",
            "function":{"name":"f","arguments":"{\"Geheimnis\":1}"}}]},{"role":"tool","tool_call_id":"c","content":"Geheimnis"}],
            "ollama":{"options":{"num_ctx":1,"mirostat":0},"keep_alive":"5m","format":"json","think":"low"}}
            """,
        """{"prompt":["Geheimnis"],"suffix":"x","logprobs":2,"echo":false,"ollama":{"raw":true,"system":"","context":[],"images":[]}}""",
        """{"input":["Geheimnis","b"],"encoding_format":"base64","dimensions":8,"ollama":{"truncate":true}}""",
    ];

    private static readonly string[] OllamaAnswers =
    [
        """{"model":"m","message":{"content":"x","thinking":"y","tool_calls":[{"id":"c","function":{"name":"f","arguments":{"a":1}}}]},"done":false}""",
        """{"response":"x","logprobs":[{"token":"y","logprob":-0.1}],"done":true,"done_reason":"stop","eval_count":3,"context":[1,2],"x":{}}""",
        """{"embeddings":[[0.5,1],[2,3]],"model":"m","prompt_eval_count":4,"total_duration":9}""",
        """{"error":{"message":"no"}}""",
    ];

    private static readonly string[] OpenAiAnswers =
    [
        """{"id":"1","model":"m","choices":[{"index":0,"delta":{"content":"x","reasoning":"y","tool_calls":[{"index":0,"id":"c"}]},"finish_reason":null}]}""",
        """{"choices":[{"index":1,"message":{"content":[{"type":"text","text":"x"}],"refusal":"no"},"logprobs":{"content":[]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1},"x":1}""",
        """{"object":"list","data":[{"embedding":[0.5,1],"index":0}],"model":"m","usage":{"prompt_tokens":1}}""",
        """{"error":{"message":"no"}}""",
    ];

    [Theory]
    [InlineData("chat")]
    [InlineData("completion")]
    [InlineData("embedding")]
    public void Requests_are_translated_or_refused(string kind) =>
        Try(
            Requests,
            bytes =>
            {
                var work = Work.Of(kind, "") with { Request = bytes };
                Only(() => JsonDocument.Parse(ToOllama(work)).Dispose(), isAboutRequest: true);
                Only(() => JsonDocument.Parse(OpenAiRequest.From(work, Options, true).Body).Dispose(), true);
            }
        );

    [Fact]
    public void Answers_of_Ollama_are_read_or_refused() =>
        Try(
            OllamaAnswers,
            bytes =>
            {
                using DeltaBatch deltas = new();
                Read(new OllamaParser("test"), parser => parser.Line(bytes, deltas));
                Read(new OllamaParser("test"), parser => parser.Whole(bytes, deltas));
                Read(new OllamaEmbeddingParser("test", "m", base64: true), parser => parser.Whole(bytes, deltas));
                Read(new OllamaEmbeddingParser("test", "m", base64: false), parser => parser.Whole(bytes, deltas));
            }
        );

    [Fact]
    public void Answers_of_OpenAIs_servers_are_read_or_refused() =>
        Try(
            OpenAiAnswers,
            bytes =>
            {
                using DeltaBatch deltas = new();
                Read(new OpenAiParser("test", 2), parser => Line(parser, bytes, deltas));
                Read(new OpenAiParser("test", 2), parser => parser.Whole(bytes, deltas));
                Read(new OpenAiEmbeddingParser("test"), parser => parser.Whole(bytes, deltas));
            }
        );

    private static ReadOnlyMemory<byte> ToOllama(WorkItem work) =>
        work.Offer.Kind switch
        {
            "chat" => OllamaRequest.Chat(work, default),
            "completion" => OllamaRequest.Completion(work, default),
            _ => OllamaRequest.Embedding(work).Body,
        };

    private static void Line(IAnswerParser parser, byte[] bytes, DeltaBatch deltas)
    {
        parser.Line([.. "data: "u8, .. bytes], deltas);
        parser.Line([], deltas);
    }

    private static void Read(IAnswerParser parser, Action<IAnswerParser> read) =>
        Only(
            () =>
            {
                read(parser);
                parser.Finish();
            },
            isAboutRequest: false
        );

    private static void Try(string[] samples, Action<byte[]> parse) =>
        Gen.Select(Gen.Int[0, samples.Length - 1], Gen.Int)
            .Sample((sample, seed) => parse(JsonFuzz.Damage(samples[sample], seed)), iter: Times);

    private static void Only(Action parse, bool isAboutRequest)
    {
        try
        {
            parse();
        }
        catch (BackendException e)
        {
            if (isAboutRequest)
            {
                Assert.Equal(400, e.Failure.Status);
                Assert.DoesNotContain(JsonFuzz.Secret, e.Failure.Message, StringComparison.Ordinal);
            }
        }
    }
}
