namespace Pollard;

/// <summary>The command line, the environment or the configuration file is wrong; the message says where and what to write.</summary>
internal sealed class UsageException(string message, Exception? innerException = null)
    : Exception(message, innerException);

/// <summary>A command cannot do its work; the message says why and what to do.</summary>
internal sealed class CommandFailedException(string message, Exception? innerException = null)
    : Exception(message, innerException);
