using System.Globalization;
using Pollard.Configuration;

namespace Pollard.Output;

/// <summary>How far something is that takes long, for a person at a terminal; a pipe gets nothing of it.</summary>
internal static class ProgressBar
{
    private const int Cells = 20;
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    /// <summary>Waits for all, and shows how many have ended and how long it lasts.</summary>
    public static async Task<T[]> UntilAllAsync<T>(Shell shell, IReadOnlyList<Task<T>> work, CancellationToken ct)
    {
        using var line = new StatusLine(shell);
        var all = Task.WhenAll(work);
        var began = shell.Time.GetTimestamp();
        while (line.IsShown && !all.IsCompleted)
        {
            line.Show(Draw(work.Count(one => one.IsCompleted), work.Count, shell.Time.GetElapsedTime(began)));
            await Task.WhenAny(all, Task.Delay(Every, shell.Time, ct));
        }

        return await all;
    }

    /// <summary>A bar with words.</summary>
    public static string Draw(int done, int of, TimeSpan elapsed)
    {
        var full = Cells * done / of;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"[{new string('#', full)}{new string('-', Cells - full)}] {done} of {of} ended, {Durations.Format(TimeSpan.FromSeconds((long)elapsed.TotalSeconds))}"
        );
    }
}
