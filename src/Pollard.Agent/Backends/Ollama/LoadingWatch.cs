using System.Text.Json;
using Pollard.Agent.Backends.Http;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends.Ollama;

/// <summary>
/// Tells the gateway that a model is being loaded while a request waits for it, which Ollama itself does not say: with a word
/// on it the first token may take longer. Versions that list a model from the beginning of its loading are spoken of only while
/// the request waits for its turn.
/// </summary>
internal sealed class LoadingWatch(BackendHttp http, string model, IWorkOutput output, TimeProvider time)
{
    private static readonly TimeSpan UntilFirst = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(3);

    /// <summary>Ends with the answer's beginning, or its failure, which it leaves to the caller to look at.</summary>
    public async Task WaitAsync(Task answer, CancellationToken ct)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        for (
            var delay = UntilFirst;
            !await EndsFirstAsync(answer, Task.Delay(delay, time, over.Token));
            delay = Between
        )
        {
            // A question that hangs, as Ollama does while it is very busy, ends with the answer.
            var asking = IsMissingAsync(over.Token);
            if (!await EndsFirstAsync(answer, asking) && await asking)
            {
                await output.WriteAsync(DeltaKind.Progress, 0, Word(), ct);
            }
        }

        await over.CancelAsync();
    }

    private static async Task<bool> EndsFirstAsync(Task answer, Task other) =>
        await Task.WhenAny(answer, other) == answer || answer.IsCompleted;

    private async Task<bool> IsMissingAsync(CancellationToken ct)
    {
        try
        {
            using var json = await http.GetJsonAsync("/api/ps", ct);
            return !json
                .RootElement.Items("models")
                .Any(loaded => IsModel(loaded.Text("name") ?? loaded.Text("model")));
        }
        catch (Exception e)
            when (e
                    is HttpRequestException
                        or IOException
                        or JsonException
                        or InvalidOperationException
                        or OperationCanceledException
            )
        {
            return false; // Nothing is known, and nothing is said.
        }
    }

    private bool IsModel(string? name)
    {
        const string Latest = ":latest";
        return name == model || name == model + Latest || name + Latest == model;
    }

    private byte[] Word() =>
        JsonSerializer.SerializeToUtf8Bytes(
            new Messages.Progress("loading", null, $"{model} is being loaded"),
            ProtocolJson.Default.Progress
        );
}
