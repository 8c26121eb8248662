using System.Runtime.CompilerServices;
using Pollard.Voice.Stages;

namespace Pollard.Voice.Tests.Stages;

/// <summary>What is left of calls that are over: nothing, in any stage or link.</summary>
public sealed class LeftoverTests : IAsyncDisposable
{
    private const int Calls = 40;
    private readonly Chain _chain = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _chain.DisposeAsync();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Nothing_is_left_of_calls_one_by_one_and_at_once(bool isOneProcess)
    {
        _ = isOneProcess ? _chain.StartAll() : _chain.StartEach();
        await CallAsync("first");
        await UntilAsync(() => _chain.IsIdle);
        var connections = _chain.Connections;

        List<WeakReference> callers = [];
        for (var i = 0; i < Calls; i++)
        {
            callers.Add(await CallAsync($"one-{i}"));
        }

        callers.AddRange(await Task.WhenAll(Enumerable.Range(0, Calls).Select(i => CallAsync($"many-{i}"))));

        await UntilAsync(() => _chain.IsIdle);
        Assert.Equal(connections, _chain.Connections);
        await UntilAsync(() =>
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return !callers.Exists(static caller => caller.IsAlive); // Nobody holds a call.
        });
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task<WeakReference> CallAsync(string id)
    {
        var caller = _chain.Call(id);
        await caller.UntilAsync<CallEvent.Connected>(static one => one.Service == VoiceRole.Tts);
        caller.HangUp();
        await caller.Over;
        return new WeakReference(caller);
    }

    private static async Task UntilAsync(Func<bool> holds)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Token);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        while (!holds())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, limit.Token);
        }
    }
}
