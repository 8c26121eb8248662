using System.Globalization;
using Microsoft.Extensions.Time.Testing;
using Pollard.Gateway.Validation;
using Pollard.Tasks.Validation;

namespace Pollard.Gateway.Tests.Validation;

/// <summary>The process that parses is held to its bounds, with programs that would break them.</summary>
public sealed class ParserProcessTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("pollard-parser-");

    [Fact]
    public async Task A_parser_that_does_not_end_is_killed()
    {
        var clock = new FakeTimeProvider();
        Fake("python3", "mkdir \"$(dirname \"$0\")/started.$$\"; sleep 1000; exit 0");
        var asking = Asking(clock);
        var process = await StartedAsync();

        clock.Advance(TimeSpan.FromSeconds(11));

        Assert.Equal("python3 could not parse it within 10 s", await asking);
        await GoneAsync(process);
    }

    [Fact]
    public async Task A_check_that_nobody_waits_for_ends_its_parser()
    {
        using var leaving = new CancellationTokenSource();
        Fake("python3", "mkdir \"$(dirname \"$0\")/started.$$\"; sleep 1000; exit 0");
        var asking = Parser(new FakeTimeProvider()).AskAsync("python3", [], "x", leaving.Token);
        var process = await StartedAsync();

        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);
        await GoneAsync(process);
    }

    [Fact]
    public async Task Output_is_cut()
    {
        Fake("python3", "head -c 5000000 /dev/zero | tr '\\0' x; exit 65");

        Assert.Equal(new string('x', 2000), await Asking());
    }

    [Fact]
    public async Task Memory_is_bounded()
    {
        var python = Interpreters.OfThisMachine.Find("python3");
        Fake("python3", $"exec {python} -c 'b = bytearray(2**30)'");

        var failure = await Assert.ThrowsAsync<ReviewException>(() => Asking());

        Assert.Contains("MemoryError", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_files_are_written()
    {
        Fake("python3", "trap '' XFSZ; echo x > \"$(dirname \"$0\")/file\" || exit 65; exit 0");

        Assert.Equal("it cannot be parsed", await Asking());
        Assert.False(
            File.Exists(Path.Combine(_folder.FullName, "file"))
                && new FileInfo(Path.Combine(_folder.FullName, "file")).Length > 0
        );
    }

    [Fact]
    public async Task The_gateways_settings_stay_its_own()
    {
        Environment.SetEnvironmentVariable("POLLARD_PROBE", "Geheimnis");
        Fake("python3", "env; exit 65");

        var seen = await Asking();

        Assert.Contains("PATH=", seen, StringComparison.Ordinal);
        Assert.DoesNotContain("Geheimnis", seen, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_parser_that_breaks_says_nothing_of_the_answer()
    {
        Fake("python3", "echo no such module >&2; exit 1");

        Assert.Equal(
            "python3 ended with 1: no such module",
            (await Assert.ThrowsAsync<ReviewException>(() => Asking())).Message
        );
    }

    [Fact]
    public async Task A_parser_that_an_answer_breaks_says_that_it_is_too_much()
    {
        Fake("python3", "kill -SEGV $$");

        Assert.Equal("python3 gave it up: it is too large, or nested too deep", await Asking());
    }

    [Fact]
    public async Task A_parser_that_reads_nothing_is_no_failure()
    {
        Fake("python3", "exit 0");

        Assert.Null(
            await Parser(new FakeTimeProvider()).AskAsync("python3", [], new string('x', 1_000_000), Judging.Token)
        );
    }

    [Fact]
    public async Task What_is_not_on_the_machine_is_refused_and_not_skipped()
    {
        var catalog = new ValidatorCatalog(Parser(new FakeTimeProvider()));

        var code = Judging.Refusal(() => Judging.Check("code", null, catalog));
        var sql = Judging.Refusal(() => Judging.Check("sql", null, catalog));

        Assert.Equal((400, "validation[0].params.language", "not_available"), (code.Status, code.Parameter, code.Code));
        Assert.Contains(
            "it needs python3, which is not on the gateway's machine",
            code.Message,
            StringComparison.Ordinal
        );
        Assert.Equal((400, "validation[0].params", "not_available"), (sql.Status, sql.Parameter, sql.Code));
        await Assert.ThrowsAsync<ReviewException>(() => Asking());
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private void Fake(string name, string script)
    {
        var file = Path.Combine(_folder.FullName, name);
        File.WriteAllText(file, $"#!/bin/sh\n{script}\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }
    }

    private ParserProcess Parser(TimeProvider time) => new(new Interpreters(_folder.FullName), time);

    private Task<string?> Asking(TimeProvider? time = null) =>
        Parser(time ?? new FakeTimeProvider()).AskAsync("python3", [], "x", Judging.Token);

    private async Task<int> StartedAsync()
    {
        while (true)
        {
            if (_folder.GetDirectories("started.*") is [var started])
            {
                return int.Parse(started.Extension.AsSpan(1), CultureInfo.InvariantCulture);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, Judging.Token);
        }
    }

    private static async Task GoneAsync(int process)
    {
        // A killed one stays for as long as its end has not been read.
        while (Directory.Exists($"/proc/{process}"))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, Judging.Token);
        }
    }
}
