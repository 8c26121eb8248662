using System.CommandLine;
using Microsoft.Extensions.Logging;
using Pollard.Composition;
using Pollard.Configuration;
using Pollard.Voice.Stages;

namespace Pollard.Commands;

/// <summary><c>pollard voice inbound</c>: brings what one caller says to recognition, from a file, a pipe or the net.</summary>
internal static class VoiceInboundCommand
{
    private static readonly TimeSpan LastWords = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(3.5); // Longer than any silence that ends an utterance.

    private static readonly SoundOptions Sound = new(
        "What the caller says, heard at its own pace. Default: what is piped in",
        "Where the caller connects, and sends what they say as --pcm says",
        "Where the caller sends what they say by RTP, in mulaw or alaw",
        $"What is piped in, or comes by TCP: {SoundFormat.Names}",
        "s16@16000"
    );

    private static readonly Option<string?> Stay = CommonOptions.CallText(
        "--stay",
        "DURATION",
        "How long the caller stays on the line when all that they said was taken in. Default: 0"
    );

    public static Command Build(Shell shell) =>
        new Command(VoiceRole.Inbound, "Brings what one caller says to recognition, from a file, a pipe or the net")
            .With(Sound.All)
            .With(Stay, VoiceLegOptions.Call, VoiceOptions.EndSilence, VoiceEngineOptions.Vad)
            .With(VoiceOptions.Stt, VoiceOptions.Allow, VoiceOptions.SecretFile)
            .With(ExistingOptions.All)
            .With(CommonOptions.LogLevel, CommonOptions.LogFormat)
            .WithConfiguration()
            .Does(shell, RunAsync);

    private static Task<int> RunAsync(CommandContext context, CancellationToken ct)
    {
        var place = Sound.Read(context.Settings);
        return SingleCall.DuringAsync(
            context,
            [VoiceRole.Inbound],
            LogLevel.Information,
            async call =>
            {
                await using var said = await CallerSound.FromAsync(place, call, context, ct);
                return await ServeAsync(call, said, context, ct);
            }
        );
    }

    private static async Task<int> ServeAsync(
        SingleCall call,
        CallerSound said,
        CommandContext context,
        CancellationToken ct
    )
    {
        var heard = new HeardCount();
        var stay = context.Settings.Duration(Stay) ?? TimeSpan.Zero;
        using var hungUp = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var leaving = LeaveAsync(said.Ended, heard, stay, context, hungUp);
        var why = await call.Edge.ServeAsync(
            said.Leg,
            happened =>
            {
                heard.Hear(happened);
                if (happened is CallEvent.Heard { Text: var text })
                {
                    context.Print.Line(text);
                }
            },
            hungUp.Token
        );
        context.Print.Hint(why);
        await hungUp.CancelAsync();
        await leaving;
        return ct.IsCancellationRequested ? ExitCode.Interrupted : ExitCode.Ok;
    }

    /// <summary>Hangs up when all was said and taken in, and so long after.</summary>
    private static async Task LeaveAsync(
        Task said,
        HeardCount heard,
        TimeSpan stay,
        CommandContext context,
        CancellationTokenSource hungUp
    )
    {
        var time = context.Shell.Time;
        try
        {
            await said.WaitAsync(hungUp.Token);
            await Task.Delay(Pause, time, hungUp.Token); // The end of what was said is noticed by the silence behind it.
            await heard.AllAsync().WaitAsync(LastWords, time, hungUp.Token);
            await Task.Delay(stay, time, hungUp.Token);
        }
        catch (TimeoutException)
        {
            context.Print.Note("What was said was not taken in: is recognition running?");
        }
        catch (OperationCanceledException)
        {
            return; // The call is over.
        }

        await hungUp.CancelAsync();
    }

    /// <summary>Utterances that were not taken in yet.</summary>
    private sealed class HeardCount
    {
        private readonly Lock _gate = new();
        private readonly HashSet<uint> _open = [];
        private readonly TaskCompletionSource _none = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private bool _isSaid;

        /// <summary>Ends when the caller has said all and it was taken in.</summary>
        public Task AllAsync()
        {
            lock (_gate)
            {
                _isSaid = true;
                Look();
            }

            return _none.Task;
        }

        public void Hear(CallEvent happened)
        {
            lock (_gate)
            {
                switch (happened)
                {
                    case CallEvent.Spoke spoke:
                        _open.Add(spoke.Turn);
                        break;
                    case CallEvent.Taken taken:
                        _open.Remove(taken.Turn);
                        Look();
                        break;
                }
            }
        }

        private void Look()
        {
            if (_isSaid && _open.Count == 0)
            {
                _none.TrySetResult();
            }
        }
    }
}
