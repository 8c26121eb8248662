using Pollard.Voice.Legs.Sip;
using Pollard.Voice.Stages;

namespace Pollard.Voice.Tests.Stages;

public sealed class StatusTests : IAsyncDisposable
{
    private readonly Chain _chain = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _chain.DisposeAsync();

    [Fact]
    public async Task Who_asks_a_process_hears_of_its_sip_accounts()
    {
        var account = new SipAccount("200", "192.0.2.7:5060")
        {
            RegisteredSince = DateTimeOffset.UnixEpoch,
            LastRegistered = DateTimeOffset.UnixEpoch.AddMinutes(5),
            NextTry = DateTimeOffset.UnixEpoch.AddMinutes(9),
            LastFailure = "it does not answer",
            FailedAt = DateTimeOffset.UnixEpoch.AddSeconds(-7),
        };
        var host = _chain.Start(VoiceRole.Stt)[VoiceRole.Stt];
        host.Accounts = () => [account];

        var status = await VoiceStatus.AskAsync(host.Listening[VoiceRole.Stt], null, TimeProvider.System, Token);

        Assert.Equal([account], status.Accounts);
    }
}
