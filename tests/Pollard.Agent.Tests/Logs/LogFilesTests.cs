using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Pollard.Agent.Logs;
using Pollard.Agent.Tests.TaskServers;

namespace Pollard.Agent.Tests.Logs;

public sealed class LogFilesTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("pollard-log-");
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 3, 1, 23, 59, 50, TimeSpan.Zero));

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void ALineIsOneObjectWhateverIsLogged()
    {
        using var files = new LogFiles(_folder.FullName, 7, _clock);
        using var loggers = LoggerFactory.Create(logging => logging.AddProvider(files));
        var logger = loggers.CreateLogger("some.part");

        Log(logger, LogLevel.Warning, $"two\nlines of {new string('x', 100_000)}", new IOException("broken\n\"pipe\""));
        Log(logger, LogLevel.Information, "half a character: \ud800");
        files.Write();

        var lines = Lines("agent-2026-03-01.jsonl");
        var line = lines[0];
        Assert.Equal("2026-03-01T23:59:50.000Z", line.GetProperty("@timestamp").GetString());
        Assert.Equal("warn", line.GetProperty("level").GetString());
        Assert.Equal("some.part", line.GetProperty("category").GetString());
        Assert.StartsWith("two\nlines of xxx", line.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.True(line.GetRawText().Length < 20_000);
        Assert.Equal("half a character: \ufffd", Assert.Single(lines.Skip(1)).GetProperty("message").GetString());
        Assert.Contains("broken\n\"pipe\"", line.GetProperty("exception").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnAgentWritesItsLogWhileItRunsAndTheRestIsWrittenAtTheEnd()
    {
        await using var server = await TaskServer.StartAsync();
        var files = new LogFiles(_folder.FullName, 7, TimeProvider.System);
        using (files)
        {
            using var loggers = LoggerFactory.Create(logging => logging.AddProvider(files));
            Log(loggers.CreateLogger("before"), LogLevel.Information, "before the agent begins");
            await using var agent = new TaskAgent(
                server.Url,
                new ReadyBackend(),
                options => options with { LogFiles = files },
                loggers: loggers
            );
            for (var i = 0; i < 10_000 && _folder.GetFiles().Length == 0; i++)
            {
                await Task.Delay(
                    TimeSpan.FromMilliseconds(5),
                    TimeProvider.System,
                    TestContext.Current.CancellationToken
                );
            }

            Assert.NotEmpty(_folder.GetFiles()); // Its loop wrote it.
            await agent.StopAsync();
        }

        var messages = _folder
            .GetFiles()
            .Order(Comparer<FileInfo>.Create((a, b) => string.CompareOrdinal(a.Name, b.Name)))
            .SelectMany(file => Lines(file.Name))
            .Select(line => line.GetProperty("message").GetString()!)
            .ToList();
        Assert.Equal("before the agent begins", messages[0]);
        Assert.StartsWith("Stopping;", messages[^1], StringComparison.Ordinal);
    }

    private static void Log(ILogger logger, LogLevel level, string message, Exception? exception = null) =>
        logger.Log(level, default, message, exception, static (said, _) => said);

    private List<JsonElement> Lines(string name) =>
        [.. File.ReadAllLines(Path.Combine(_folder.FullName, name)).Select(line => JsonElement.Parse(line))];
}
