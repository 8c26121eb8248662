using System.Collections.Concurrent;
using Microsoft.Extensions.Time.Testing;
using Pollard.Agent.Logs;

namespace Pollard.Agent.Tests.Logs;

public sealed class DailyFilesTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("pollard-daily-");
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 3, 1, 23, 59, 50, TimeSpan.Zero));
    private readonly RecordingLogger _log = new();

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void EachDayHasItsFile()
    {
        var files = Files();
        files.Add("one"u8);
        _clock.Advance(TimeSpan.FromSeconds(20)); // A line belongs to the day on which it was added.
        files.Add("two"u8);
        files.Add("three"u8);

        files.Write();

        Assert.Equal("one\n", Read("test-2026-03-01.jsonl"));
        Assert.Equal("two\nthree\n", Read("test-2026-03-02.jsonl"));
        Assert.Empty(_log.Lines);
    }

    [Fact]
    public void TheNextProcessGoesOnWithTheDay()
    {
        var first = Files();
        first.Add("one"u8);
        first.Write();
        var second = Files();
        second.Add("two"u8);

        second.Write();

        Assert.Equal("one\ntwo\n", Read("test-2026-03-01.jsonl"));
    }

    [Fact]
    public void OnlyTheOwnerReadsWhatItMakes()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        var files = Files("below");
        files.Add("one"u8);

        files.Write();

        var folder = Path.Combine(_folder.FullName, "below");
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
            File.GetUnixFileMode(folder)
        );
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite,
            File.GetUnixFileMode(Path.Combine(folder, "test-2026-03-01.jsonl"))
        );
    }

    [Fact]
    public void OldFilesOfItsOwnAreDeletedAndNoOthers()
    {
        string[] own =
        [
            "test-2026-02-21.jsonl",
            "test-2025-12-31.jsonl",
            "test-2026-02-22.jsonl",
            "test-2026-02-27.jsonl",
        ];
        string[] others =
        [
            "test-2026-02-01.txt",
            "test-2026-2-1.jsonl",
            "test-x-2026-02-01.jsonl",
            "other-2026-02-01.jsonl",
        ];
        foreach (var name in own.Concat(others))
        {
            File.WriteAllText(Path.Combine(_folder.FullName, name), "x\n");
        }

        var files = Files();
        files.Write();

        Assert.Equal(others.Concat(["test-2026-02-22.jsonl", "test-2026-02-27.jsonl"]).Order(), Names());

        _clock.Advance(TimeSpan.FromDays(1));
        files.Write(); // With nothing to be written.

        Assert.Equal(others.Concat(["test-2026-02-27.jsonl"]).Order(), Names());
    }

    [Fact]
    public void AFullDiskIsSaidOnceAndCostsNothingThatMemoryHolds()
    {
        if (!File.Exists("/dev/full"))
        {
            return;
        }

        var path = Path.Combine(_folder.FullName, "test-2026-03-01.jsonl");
        File.CreateSymbolicLink(path, "/dev/full");
        var files = Files();
        files.Add("one"u8);
        files.Write();
        files.Add("two"u8);
        files.Write();
        Assert.Contains("cannot be written", Assert.Single(_log.Lines), StringComparison.Ordinal);

        File.Delete(path);
        files.Write();

        Assert.Equal("one\ntwo\n", Read("test-2026-03-01.jsonl"));
        Assert.Contains("can be written again", Assert.Single(_log.Lines.Skip(1)), StringComparison.Ordinal);
    }

    [Fact]
    public void WhatMemoryCannotHoldIsCounted()
    {
        var blocked = Path.Combine(_folder.FullName, "below");
        File.WriteAllText(blocked, "a file where the folder should be");
        var files = Files("below");
        var line = new byte[(1024 * 1024) - 1];
        line.AsSpan().Fill((byte)'x');
        for (var i = 0; i < 7; i++)
        {
            files.Add(line);
            files.Write();
        }

        File.Delete(blocked);
        files.Write();

        Assert.Equal(4 * 1024 * 1024, new FileInfo(Path.Combine(blocked, "test-2026-03-01.jsonl")).Length);
        Assert.Equal(3, _log.Lines.Count); // That it cannot, that it can, and what that cost.
        Assert.Contains("Lost 3 lines", _log.Lines[2], StringComparison.Ordinal);
    }

    [Fact]
    public void ADayIsOnlySoLarge()
    {
        var files = Files(most: 10);
        foreach (var line in (string[])["12345", "6789", "8", "9"])
        {
            files.Add(System.Text.Encoding.UTF8.GetBytes(line));
            files.Write();
        }

        Assert.Equal("12345\n8\n9\n", Read("test-2026-03-01.jsonl"));
        Assert.Contains("that a day may have", Assert.Single(_log.Lines), StringComparison.Ordinal);

        _clock.Advance(TimeSpan.FromDays(1));
        files.Add("next"u8);
        files.Write();

        Assert.Equal("next\n", Read("test-2026-03-02.jsonl"));
        Assert.Contains("Lost 1 lines", Assert.Single(_log.Lines.Skip(1)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WritesEveryTenSecondsAndIsMissedWhenItBreaks(bool breaks)
    {
        ConcurrentBag<string> stuck = [];
        using var watchdog = new Watchdog(_clock, stuck.Add);
        watchdog.Start();
        using var end = new CancellationTokenSource();
        var ticks = 0;
        var files = Files();

        var running = files.RunAsync(watchdog, Tick, end.Token);
        Assert.Equal("tick\n", Read("test-2026-03-01.jsonl"));
        _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal("tick\n", Read("test-2026-03-02.jsonl"));

        if (breaks)
        {
            _clock.Advance(TimeSpan.FromSeconds(10));
            await Assert.ThrowsAsync<InvalidOperationException>(() => running);
        }
        else
        {
            await end.CancelAsync();
            await running;
        }

        _clock.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(breaks, stuck.Contains("test files"));

        void Tick()
        {
            if (++ticks == 3)
            {
                throw new InvalidOperationException("It breaks.");
            }

            files.Add("tick"u8);
        }
    }

    private DailyFiles Files(string below = "", long most = 256 * 1024 * 1024) =>
        new(Path.Combine(_folder.FullName, below), "test", keepDays: 7, _clock) { Logger = _log, MostFileBytes = most };

    private string Read(string name) => File.ReadAllText(Path.Combine(_folder.FullName, name));

    private IEnumerable<string> Names() => _folder.EnumerateFiles().Select(file => file.Name).Order();
}
