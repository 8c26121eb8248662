using System.Text;
using CsCheck;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Agent.Sources.TaskServers;

namespace Pollard.Agent.Tests.TaskServers;

/// <summary>What is on disk of tasks, whatever happened to it there.</summary>
public sealed class TaskJournalTests : IDisposable
{
    private static readonly Uri Server = new("http://[::1]:5123/below");
    private readonly string _folder = Directory.CreateTempSubdirectory("pollard-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void It_knows_at_every_moment_what_was_kept_and_not_forgotten() =>
        Gen.Select(Gen.Int[0, 5], Gen.Int[0, 3])
            .Array[0, 40]
            .Sample(
                steps =>
                {
                    Dictionary<string, string?> expected = new(StringComparer.Ordinal);
                    using (var journal = Open())
                    {
                        Array.ForEach([.. journal.Read()], entry => journal.Forget(entry.Task.Id));
                        foreach (var (number, step) in steps)
                        {
                            Take(journal, expected, $"../{number}/\"ü\0", step);
                        }
                    }

                    using var again = Open();
                    var found = again.Read();

                    Assert.Equal(
                        expected.OrderBy(one => one.Key, StringComparer.Ordinal),
                        found
                            .Select(entry => KeyValuePair.Create(entry.Task.Id, TextOf(entry.Result)))
                            .OrderBy(one => one.Key, StringComparer.Ordinal)
                    );
                },
                iter: 60,
                threads: 1
            );

    [Fact]
    public void What_a_crash_left_of_a_write_is_cleared_away_and_what_is_torn_is_not_a_task()
    {
        using (var journal = Open())
        {
            journal.Keep(TaskOf("whole"));
            journal.Keep(TaskOf("torn"));
            journal.Keep("whole", new TaskResult("""{"result":"r"}"""u8.ToArray()));
        }

        var files = Directory.GetFiles(_folder, "*", SearchOption.AllDirectories);
        var torn = files.Single(path =>
            path.EndsWith(".task", StringComparison.Ordinal)
            && File.ReadAllText(path).Contains("torn", StringComparison.Ordinal)
        );
        File.WriteAllText(torn, File.ReadAllText(torn)[..^3]);
        var result = files.Single(path => path.EndsWith(".result", StringComparison.Ordinal));
        File.WriteAllText(result, "{\"resu");
        File.WriteAllText(torn + ".x1y2", "half");
        File.WriteAllText(Path.Combine(Path.GetDirectoryName(torn)!, "0123.result"), "{}"); // Its task was forgotten.

        using var again = Open();
        var entry = Assert.Single(again.Read());

        Assert.Equal(("whole", true), (entry.Task.Id, entry.Result is null)); // It is run again.
        Assert.True(File.Exists(torn));
        Assert.False(File.Exists(torn + ".x1y2"));
        Assert.Empty(Directory.GetFiles(_folder, "0123.result", SearchOption.AllDirectories));
    }

    [Fact]
    public void The_oldest_comes_first()
    {
        var ids = Enumerable.Range(0, 20).Select(static i => $"task {i}").ToList();
        using var journal = Open();
        foreach (var id in ids)
        {
            journal.Keep(TaskOf(id));
        }

        Assert.Equal(ids, journal.Read().Select(entry => entry.Task.Id));
    }

    [Fact]
    public void A_journal_that_cannot_be_written_says_so_and_leaves_no_pieces()
    {
        using var journal = Open();
        var folder = Path.GetDirectoryName(Directory.GetFiles(_folder, "lock", SearchOption.AllDirectories).Single())!;
        Directory.Delete(folder, recursive: true);

        Assert.ThrowsAny<IOException>(() => journal.Keep(TaskOf("t")));
        Assert.ThrowsAny<IOException>(journal.Probe);
        Directory.CreateDirectory(folder);
        journal.Probe();
        journal.Keep(TaskOf("t"));

        Assert.Single(Directory.GetFiles(folder));
    }

    private TaskJournal Open() => TaskJournal.Open(_folder, Server, NullLogger.Instance);

    private static FetchedTask TaskOf(string id) => new(id, """{ "prompt": "line\none" }"""u8.ToArray());

    private static void Take(TaskJournal journal, Dictionary<string, string?> expected, string id, int step)
    {
        switch (step)
        {
            case 0:
                journal.Keep(TaskOf(id));
                expected.TryAdd(id, null);
                break;
            case 1 when expected.ContainsKey(id):
                journal.Keep(id, new TaskResult("""{"result":"small"}"""u8.ToArray()));
                expected[id] = """{"result":"small"}""";
                break;
            case 2 when expected.ContainsKey(id):
                var large = $$"""{"result":"{{new string('x', 70_000)}}"}""";
                var kept = journal.Keep(id, new TaskResult(Encoding.UTF8.GetBytes(large)));
                Assert.True(kept.File is not null && kept.Json.IsEmpty);
                expected[id] = large;
                break;
            case 3:
                journal.Forget(id);
                expected.Remove(id);
                break;
        }
    }

    private static string? TextOf(TaskResult? result) =>
        result is null ? null
        : result.File is { } file ? File.ReadAllText(file)
        : Encoding.UTF8.GetString(result.Json.Span);
}
