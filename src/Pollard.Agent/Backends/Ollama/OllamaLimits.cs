using System.Text.Json;
using Pollard.Agent.Backends.Http;
using Pollard.Protocol.Dialects;

namespace Pollard.Agent.Backends.Ollama;

/// <summary>What OpenAI's API can ask for and Ollama cannot do. Silence about it would be a wrong answer.</summary>
internal static class OllamaLimits
{
    /// <summary>Refuses what the table says that Ollama has no word for.</summary>
    public static void Check(JsonElement request, string kind)
    {
        if (RequestRules.FromOpenAI(kind).FirstRefused(request) is { } parameter)
        {
            throw parameter == "tool_choice" ? MustCall(request) : Unsupported(parameter);
        }
    }

    /// <summary>Refuses what this Ollama is too old for.</summary>
    public static void CheckAnswer(JsonElement request, OllamaKnowledge knowledge)
    {
        if (knowledge.LogProbabilities == false && request.Member("logprobs") is { ValueKind: not JsonValueKind.False })
        {
            throw Unsupported("logprobs");
        }
    }

    /// <summary>Refuses one parameter by its name.</summary>
    public static BackendException Unsupported(string parameter) =>
        new(BackendFailure.Unsupported(parameter, "Ollama"));

    // Ollama has no such member: it would leave it out, and the model might answer without the tool that must be called.
    private static BackendException MustCall(JsonElement request)
    {
        var asked = request.Text("tool_choice") == "required" ? "\"required\"" : "a certain tool";
        return new(
            BackendFailure.BadRequest(
                $"Ollama cannot make a model call a tool: \"tool_choice\" is {asked}, and only \"auto\" and \"none\" can be done"
            ) with
            {
                Code = "unsupported",
                Parameter = "tool_choice",
            }
        );
    }
}
