using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Backends.Commands;

/// <summary>The ways in which a command fails an attempt.</summary>
internal static class CommandFailure
{
    private const int MostSaid = 500;

    public static Messages.Fail NotStarted(string program, Exception why) =>
        new()
        {
            Code = "backend_unreachable",
            Message = $"{program} cannot be started: {why.Message}",
            Retryable = true, // On another host, perhaps.
        };

    /// <summary>It ended with a code that says that it failed.</summary>
    /// <param name="name">The command.</param>
    /// <param name="exitCode">The code; 128 and a signal's number when that ended it.</param>
    /// <param name="said">What it wrote to its error stream, or said of its failure otherwise.</param>
    public static Messages.Fail Exited(string name, int exitCode, string said)
    {
        const int Usage = 2; // By convention: called in a way that it does not know, which no other try changes.
        said = Shorten(said);
        return new()
        {
            Code = "command_failed",
            Message =
                said.Length > 0 ? $"{name} exited with code {exitCode}: {said}" : $"{name} exited with code {exitCode}",
            Retryable = exitCode != Usage,
        };
    }

    /// <summary>It said itself that it failed.</summary>
    public static Messages.Fail Said(string name, string said, bool retryable = true, string code = "command_failed") =>
        new()
        {
            Code = code,
            Message = $"{name}: {Shorten(said)}",
            Retryable = retryable,
        };

    public static Messages.Fail Unsupported(string parameter, string name, string what) =>
        new()
        {
            Code = "unsupported",
            Message = $"{name} is a command: {what}",
            Retryable = false,
            Status = 400,
            Parameter = parameter,
        };

    /// <summary>The last of a text, in one line without control characters.</summary>
    private static string Shorten(string text)
    {
        var line = string.Concat(text.Select(character => char.IsControl(character) ? ' ' : character)).Trim();
        if (line.Length <= MostSaid)
        {
            return line;
        }

        var tail = line.AsSpan(line.Length - MostSaid);
        return string.Concat("...", char.IsLowSurrogate(tail[0]) ? tail[1..] : tail);
    }
}
