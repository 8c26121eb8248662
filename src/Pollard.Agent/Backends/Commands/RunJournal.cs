using System.Text.Json;
using System.Text.Json.Serialization;

namespace Pollard.Agent.Backends.Commands;

/// <summary>What is remembered of a run in case the agent does not live to its end.</summary>
/// <param name="Mark">What the run's processes are known by.</param>
/// <param name="Command">The name of the command that runs.</param>
/// <param name="Session">The command's own name for its conversation, by which it can be gone on with.</param>
/// <param name="Folder">The folder in which its program was started before the task came; null when that was the task's own.</param>
internal sealed record RunRecord(string Mark, string Command, string? Session, string? Folder = null);

/// <summary>The file of one run: written before its program starts, deleted when nothing is to be remembered any more.</summary>
internal sealed class RunJournal(string path)
{
    /// <summary>What the file says; null when there is none, or it is damaged.</summary>
    public RunRecord? Read()
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), RunJournalJson.Default.RunRecord);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    /// <summary>Writes beside the file and then over it: a crash leaves the old one or the new one.</summary>
    public void Write(RunRecord record)
    {
        var beside = path + ".new";
        PrivateFile.Write(beside, JsonSerializer.SerializeToUtf8Bytes(record, RunJournalJson.Default.RunRecord));
        File.Move(beside, path, overwrite: true);
    }

    /// <summary>Forgets the run.</summary>
    public void Delete() => File.Delete(path);
}

/// <summary>How the file lies on disk.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(RunRecord))]
internal sealed partial class RunJournalJson : JsonSerializerContext;
