using System.Runtime.InteropServices;

namespace Pollard;

/// <summary>Ctrl-C and SIGTERM: the first asks the command to end, the second ends the process.</summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource _asked = new();
    private readonly List<PosixSignalRegistration> _registrations = [];

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
        if (_asked.IsCancellationRequested)
        {
            return; // The platform does what it does with a signal that nobody wants: the process ends.
        }

        context.Cancel = true;
        _asked.Cancel();
    }
}
