using System.Text.Json;
using Pollard.Agent.Backends.Http;

namespace Pollard.Agent.Backends.Ollama;

/// <summary>What OpenAI's API can ask for and Ollama cannot do. Silence about it would be a wrong answer.</summary>
internal static class OllamaLimits
{
    public static void CheckChat(JsonElement request, OllamaKnowledge knowledge)
    {
        CheckShared(request, knowledge);
        Refuse(request, "functions", value => value.ValueKind == JsonValueKind.Array);
        Refuse(request, "audio", _ => true);
        Refuse(
            request,
            "modalities",
            value =>
                value.ValueKind == JsonValueKind.Array
                && value.EnumerateArray().Any(modality => !modality.ValueEquals("text"))
        );
        CheckToolChoice(request);
    }

    public static void CheckCompletion(JsonElement request, OllamaKnowledge knowledge)
    {
        CheckShared(request, knowledge);
        Refuse(request, "best_of", IsAboveOne);
        Refuse(request, "echo", value => value.ValueKind == JsonValueKind.True);
        Refuse(
            request,
            "prompt",
            value =>
                value.ValueKind == JsonValueKind.Array
                && (value.GetArrayLength() != 1 || value[0].ValueKind != JsonValueKind.String)
        );
    }

    public static void CheckEmbedding(JsonElement request) =>
        Refuse(
            request,
            "input",
            value =>
                value.ValueKind != JsonValueKind.String
                && (
                    value.ValueKind != JsonValueKind.Array
                    || value.EnumerateArray().Any(item => item.ValueKind != JsonValueKind.String)
                )
        );

    /// <summary>Refuses one parameter by its name.</summary>
    public static BackendException Unsupported(string parameter) =>
        new(BackendFailure.Unsupported(parameter, "Ollama"));

    private static void CheckShared(JsonElement request, OllamaKnowledge knowledge)
    {
        Refuse(request, "n", IsAboveOne);
        Refuse(
            request,
            "logit_bias",
            value => value.ValueKind == JsonValueKind.Object && value.EnumerateObject().Any()
        );
        Refuse(
            request,
            "logprobs",
            value => value.ValueKind != JsonValueKind.False && knowledge.LogProbabilities == false
        );
    }

    // Ollama has no such member: it would leave it out, and the model might answer without the tool that must be called.
    private static void CheckToolChoice(JsonElement request)
    {
        var choice = request.Text("tool_choice");
        if (request.Member("tool_choice") is null || choice is "auto" or "none")
        {
            return;
        }

        var asked = choice == "required" ? "\"required\"" : "a certain tool";
        throw new BackendException(
            BackendFailure.BadRequest(
                $"Ollama cannot make a model call a tool: \"tool_choice\" is {asked}, and only \"auto\" and \"none\" can be done"
            ) with
            {
                Code = "unsupported",
            }
        );
    }

    private static bool IsAboveOne(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.GetDouble() > 1;

    private static void Refuse(JsonElement request, string parameter, Func<JsonElement, bool> asksTooMuch)
    {
        if (request.Member(parameter) is { } value && asksTooMuch(value))
        {
            throw Unsupported(parameter);
        }
    }
}
