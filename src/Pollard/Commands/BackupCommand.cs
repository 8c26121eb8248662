using System.CommandLine;
using Pollard.Configuration;
using Pollard.Doctor;
using Pollard.Output;
using Pollard.Storage.Sqlite;

namespace Pollard.Commands;

/// <summary><c>pollard backup</c> and <c>pollard restore</c>: copies of the store.</summary>
internal static class BackupCommand
{
    private static readonly Argument<string> To = new("directory")
    {
        Description = "A new directory for the copy; beside a running gateway too",
    };

    private static readonly Argument<string> From = new("backup")
    {
        Description = "What pollard backup has made, or a database file alone",
    };

    private static readonly Option<bool> Replace = CommonOptions.CallSwitch(
        "--replace",
        "Take the place of the store that is there; that one is kept in a directory beside"
    );

    public static Command Build(Shell shell) =>
        new Command("backup", "Copies the store, also while the gateway runs, and looks whether the copy is whole")
        {
            To,
            CommonOptions.Json,
        }
            .WithConfiguration()
            .Does(shell, BackUpAsync);

    public static Command BuildRestore(Shell shell) =>
        new Command("restore", "Puts a backup into the data directory, while no gateway runs")
        {
            From,
            CommonOptions.Json,
        }
            .With(Replace)
            .WithConfiguration()
            .Does(shell, RestoreAsync);

    private static Task<int> BackUpAsync(CommandContext context, CancellationToken ct) =>
        CopyAsync(context, "Copying the store", (store, path) => store.Make(path, ct), To, "copied to");

    private static Task<int> RestoreAsync(CommandContext context, CancellationToken ct)
    {
        DataDirectory.Create(context.Settings.DataPath);
        var replace = context.Settings.IsOn(Replace);
        return CopyAsync(
            context,
            "Restoring",
            (store, path) => store.Restore(path, replace, ct),
            From,
            "restored from"
        );
    }

    private static Task<int> CopyAsync(
        CommandContext context,
        string doing,
        Func<SqliteBackup, string, StoreCopy> copy,
        Argument<string> place,
        string done
    )
    {
        var path = Path.GetFullPath(context.Required(place));
        var store = new SqliteBackup(
            new SqliteStoreOptions { Directory = context.Settings.DataPath },
            context.Shell.Time
        );
        StoreCopy made;
        using (var status = new StatusLine(context.Shell))
        {
            status.Show(doing);
            made = copy(store, path);
        }

        if (context.Print.Json)
        {
            context.Print.JsonLine(
                new CopiedStore(path, made.Tasks, made.Bytes, made.Damaged, made.Kept),
                Printer.Own.CopiedStore
            );
            return Task.FromResult(ExitCode.Ok);
        }

        context.Print.Line($"{Counted(made.Tasks)} ({DiskChecks.Bytes(made.Bytes)}) {done} {path}");
        if (made.Kept is { } kept)
        {
            context.Print.Note($"The store that was there is kept in {kept}.");
        }

        if (made.Damaged.Count > 0)
        {
            context.Print.Note($"Damaged, there as here: {string.Join(", ", made.Damaged)}");
        }

        return Task.FromResult(ExitCode.Ok);
    }

    private static string Counted(long tasks) => tasks == 1 ? "1 task" : $"{tasks} tasks";
}
