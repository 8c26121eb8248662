using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Pollard.Voice.Stages;

/// <summary>A line of a call's journal; each says one thing.</summary>
/// <param name="Turn">Of which turn.</param>
internal sealed record JournalLine(uint Turn)
{
    /// <summary>What the caller said.</summary>
    public string? Caller { get; init; }

    /// <summary>Whether they pressed it; the turn is the number of the last key then.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsKeys { get; init; }

    /// <summary>What was asked.</summary>
    public string? Asked { get; init; }

    /// <summary>A sentence that the caller has heard.</summary>
    public string? Heard { get; init; }

    /// <summary>What the caller has heard in all, now that the answer is over.</summary>
    public string? Said { get; init; }
}

/// <summary>An answer in the middle of which a process ended.</summary>
/// <param name="Turn">Of which turn.</param>
/// <param name="Asked">What was asked; null: nothing yet.</param>
/// <param name="Heard">What the caller has heard of it, as far as that was known.</param>
internal sealed record UnfinishedAnswer(uint Turn, string? Asked, IReadOnlyList<string> Heard);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(JournalLine))]
internal sealed partial class JournalJson : JsonSerializerContext;

/// <summary>
/// A call as it is written down, so that a service that is started anew in the middle goes on with it. It is gone when the call is over.
/// </summary>
internal sealed class CallJournal : IDisposable
{
    private const long MostBytes = 4 * 1024 * 1024;
    private static readonly TimeSpan TooOld = TimeSpan.FromHours(1); // The id is another call's, whose predecessor nobody ended.
    private readonly FileStream? _file;

    private CallJournal(FileStream? file, IReadOnlyList<JournalLine> before) => (_file, Before) = (file, before);

    /// <summary>What a process before this one has written.</summary>
    public IReadOnlyList<JournalLine> Before { get; }

    /// <summary>Opens a call's journal.</summary>
    /// <param name="folder">Where journals lie; null: nothing is written.</param>
    /// <param name="call">The call.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static CallJournal Open(string? folder, string call, TimeProvider time)
    {
        if (folder is null)
        {
            return new CallJournal(null, []);
        }

        Directory.CreateDirectory(folder);
        var name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(call)).AsSpan(0, 16));
        var path = Path.Combine(folder, name + ".jsonl");
        if (File.Exists(path) && time.GetUtcNow() - new DateTimeOffset(File.GetLastWriteTimeUtc(path)) > TooOld)
        {
            File.Delete(path);
        }

        var options = new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.ReadWrite,
            Share = FileShare.Read,
            BufferSize = 0,
        };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite; // It is what somebody said on the phone.
        }

        var file = new FileStream(path, options);
        return new CallJournal(file, Read(file));
    }

    /// <summary>The last turn that the caller spoke, of those that are written down; 0: none.</summary>
    public uint LastTurn => LastOf(isKeys: false);

    /// <summary>The last key; 0: none.</summary>
    public uint LastKey => LastOf(isKeys: true);

    /// <summary>Says again what was said, as far as answers are over.</summary>
    /// <param name="talk">Where to.</param>
    /// <returns>The answer that is not; null: all are.</returns>
    public UnfinishedAnswer? Replay(Conversation talk)
    {
        UnfinishedAnswer? unfinished = null;
        foreach (var line in Before)
        {
            switch (line)
            {
                case { Caller: { } caller }:
                    talk.Caller(caller);
                    unfinished = new UnfinishedAnswer(line.Turn, null, []);
                    break;
                case { Asked: not null }:
                    unfinished = unfinished is null ? null : unfinished with { Asked = line.Asked };
                    break;
                case { Heard: { } sentence }:
                    unfinished = unfinished is null
                        ? null
                        : unfinished with
                        {
                            Heard = [.. unfinished.Heard, sentence],
                        };
                    break;
                case { Said: { } said }:
                    talk.Model(said);
                    unfinished = null;
                    break;
            }
        }

        return unfinished;
    }

    /// <summary>Writes a line. What finds no room is not written: the call goes on.</summary>
    public void Add(JournalLine line)
    {
        if (_file is null || _file.Length > MostBytes)
        {
            return;
        }

        try
        {
            _file.Write([.. JsonSerializer.SerializeToUtf8Bytes(line, JournalJson.Default.JournalLine), (byte)'\n']);
        }
        catch (IOException)
        {
            // The disk is full, or gone; only a process that is started anew would miss it.
        }
    }

    /// <summary>The call is over.</summary>
    public void Remove()
    {
        if (_file is not null)
        {
            File.Delete(_file.Name);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file?.Dispose();

    private uint LastOf(bool isKeys) =>
        Before
            .Where(line => line.Caller is not null && line.IsKeys == isKeys)
            .Select(static line => line.Turn)
            .DefaultIfEmpty()
            .Max();

    private static List<JournalLine> Read(FileStream file)
    {
        List<JournalLine> lines = [];
        using var reader = new StreamReader(file, Encoding.UTF8, leaveOpen: true);
        while (reader.ReadLine() is { } text)
        {
            try
            {
                lines.Add(JsonSerializer.Deserialize(text, JournalJson.Default.JournalLine)!);
            }
            catch (JsonException)
            {
                // The last one was being written.
            }
        }

        file.Seek(0, SeekOrigin.End);
        return lines;
    }
}
