using System.Runtime.InteropServices;

namespace Pollard;

/// <summary>Ctrl-C and SIGTERM: the first asks the command to end, another one a second later ends the process.</summary>
internal sealed class Interruption : IDisposable
{
    // The same Ctrl-C often comes twice: from the terminal, and from the parent that the terminal told too.
    private static readonly TimeSpan SameWish = TimeSpan.FromSeconds(1);
    private readonly CancellationTokenSource _asked = new();
    private readonly List<PosixSignalRegistration> _registrations = [];
    private long _askedAt;

    public Interruption()
    {
        foreach (var signal in (PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGQUIT])
        {
            _registrations.Add(PosixSignalRegistration.Create(signal, Ask));
        }
    }

    public CancellationToken Token => _asked.Token;

    public void Dispose()
    {
        foreach (var registration in _registrations)
        {
            registration.Dispose();
        }

        _asked.Dispose();
    }

    private void Ask(PosixSignalContext context)
    {
        var now = TimeProvider.System.GetTimestamp();
        var first = Interlocked.CompareExchange(ref _askedAt, now, 0);
        if (first == 0)
        {
            context.Cancel = true;
            _asked.Cancel();
        }
        else
        {
            // Not cancelled, the platform does what it does with a signal that nobody wants: the process ends.
            context.Cancel = TimeProvider.System.GetElapsedTime(first, now) < SameWish;
        }
    }
}
