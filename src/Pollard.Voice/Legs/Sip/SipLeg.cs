using Pollard.Voice.Audio;
using Pollard.Voice.Legs.Rtp;
using Pollard.Voice.Links;

namespace Pollard.Voice.Legs.Sip;

/// <summary>A call of a phone, once it is up.</summary>
/// <param name="id">The call.</param>
/// <param name="call">What is said about it.</param>
/// <param name="sound">Its sound.</param>
/// <param name="law">How that is packed.</param>
internal sealed class SipLeg(CallId id, SipCall call, RtpSession sound, G711Law law) : ICallLeg
{
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <inheritdoc/>
    public CallId Call => id;

    /// <inheritdoc/>
    public string Caller => $"{call.Dialog.Caller} (Call-ID {call.Dialog.CallId})";

    /// <inheritdoc/>
    public int Rate => G711.Rate;

    /// <inheritdoc/>
    public Playout Playout { get; } = new(new PlayoutOptions { Law = law });

    /// <summary>Ends when nobody has the leg any more.</summary>
    public Task Released => _released.Task;

    /// <inheritdoc/>
    public async Task<string> RunAsync(ICallerEar ear, CancellationToken ct)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var hearing = sound.RunAsync(Playout, ear, over.Token);
        var reason = "this side has ended it";
        try
        {
            return reason = await await Task.WhenAny(hearing, call.Over);
        }
        catch (OperationCanceledException)
        {
            return reason;
        }
        finally
        {
            call.HangUp(reason);
            await over.CancelAsync();
            await ((Task)hearing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        call.HangUp("nobody has taken it");
        _released.TrySetResult();
        return ValueTask.CompletedTask;
    }
}
