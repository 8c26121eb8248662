using System.CommandLine;
using System.Threading.Channels;
using Pollard.Client;
using Pollard.Configuration;
using Pollard.Output;
using Pollard.Top;

namespace Pollard.Commands;

/// <summary><c>pollard top</c>: the pool on the whole screen, as it is now.</summary>
internal static class TopCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public static Command Build(Shell shell) =>
        new Command("top", "The pool on the whole screen, as it is now: tasks, hosts, models; q leaves, ? helps")
            .With(CommonOptions.Gateway, CommonOptions.KeyFile)
            .WithConfiguration()
            .Does(shell, RunAsync);

    private static async Task<int> RunAsync(CommandContext context, CancellationToken ct)
    {
        if (!context.Shell.InIsTerminal || !AgentView.IsFor(context.Shell))
        {
            throw new UsageException("top needs a terminal; for programs use pollard tasks list --json");
        }

        using var gateway = context.Connect();
        var feed = new PoolFeed(gateway, context.Shell);
        // Keys, and null where there is something new to draw. One that finds it full would be drawn with those before it.
        var events = Channel.CreateBounded<ConsoleKeyInfo?>(
            new BoundedChannelOptions(64) { FullMode = BoundedChannelFullMode.DropWrite }
        );
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(ct);
        using var screen = new FullScreen(context.Shell.Out, Redraw);
        var looking = feed.RunAsync(Redraw, stopping.Token);
        new Thread(() => ReadKeys(events.Writer)) { IsBackground = true, Name = "keys" }.Start();
        try
        {
            await ShowAsync(context, gateway, feed, screen, events.Reader, ct);
            return ExitCode.Ok;
        }
        finally
        {
            await stopping.CancelAsync();
            await looking.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        void Redraw() => events.Writer.TryWrite(null);
    }

    // Blocks for as long as the process lives: a terminal gives a key, or nothing. So it is a thread, which ends with the process.
    private static void ReadKeys(ChannelWriter<ConsoleKeyInfo?> keys)
    {
        try
        {
            while (true)
            {
                keys.TryWrite(Console.ReadKey(intercept: true));
            }
        }
        catch (Exception e) when (e is InvalidOperationException or IOException)
        {
            keys.TryComplete(); // The terminal is gone.
        }
    }

    private static async Task ShowAsync(
        CommandContext context,
        PollardClient gateway,
        PoolFeed feed,
        FullScreen screen,
        ChannelReader<ConsoleKeyInfo?> events,
        CancellationToken ct
    )
    {
        var state = new TopState();
        Draw();
        await foreach (var key in events.ReadAllAsync(ct))
        {
            if (key is { } pressed)
            {
                (state, var wish) = state.Press(pressed, TableOf(context, state, feed));
                if (wish == TopWish.Quit)
                {
                    return;
                }

                if (wish != TopWish.None && state.RowIn(TableOf(context, state, feed))?.Id is { } id)
                {
                    state = state with { Message = await ChangeAsync(gateway, id, wish, ct) };
                }

                feed.Watch(state.OpenedTask);
            }

            Draw();
        }

        void Draw()
        {
            var size = FullScreen.Size;
            var drawing = new TopScreen(size.Columns, size.Rows, context.Print.HasColour);
            var table = TableOf(context, state, feed);
            var address = context.Gateway.AbsoluteUri.TrimEnd('/');
            screen.Draw(drawing.Draw(state, table, feed.News, address, context.Shell.Time.GetUtcNow()), size);
        }
    }

    private static TopTable TableOf(CommandContext context, TopState state, PoolFeed feed)
    {
        var now = context.Shell.Time.GetUtcNow();
        var table = state.Pane switch
        {
            0 => TopTable.Now(feed.News.Picture, now),
            1 => TopTable.Tasks(feed.News.Picture, now),
            2 => TopTable.Hosts(feed.News.Picture, now),
            _ => TopTable.Models(feed.News.Picture),
        };
        return table.Filtered(state.Filter);
    }

    private static async Task<string> ChangeAsync(PollardClient gateway, string id, TopWish wish, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(Patience);
        try
        {
            var task =
                wish == TopWish.Cancel
                    ? await gateway.Tasks.CancelAsync(id, limit.Token)
                    : await gateway.Tasks.RetryAsync(id, limit.Token);
            return $"{id} is {task.State}";
        }
        catch (PollardException e)
        {
            return e.Message;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return "the gateway has not answered in time";
        }
    }
}
