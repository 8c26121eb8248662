namespace Pollard;

/// <summary>What the program's end says; documented in docs/reference/cli.md and never changed.</summary>
internal static class ExitCode
{
    public const int Ok = 0;

    /// <summary>It did not work; the message says why.</summary>
    public const int Failed = 1;

    /// <summary>The command line, the environment or the configuration file is wrong.</summary>
    public const int Usage = 2;

    /// <summary>No gateway answers.</summary>
    public const int Unreachable = 3;

    /// <summary>The task ended, but as failed, timed out or cancelled; or had not ended when the wait did.</summary>
    public const int TaskNotCompleted = 4;

    /// <summary>Ctrl-C, or the service manager.</summary>
    public const int Interrupted = 130;
}
