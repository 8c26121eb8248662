using System.Security.Cryptography;

namespace Pollard.Agent.Backends.Commands;

/// <summary>What is to be started: never through a shell.</summary>
/// <param name="Program">The full path of the executable.</param>
/// <param name="Arguments">Its arguments as they are.</param>
/// <param name="Directory">Where it starts.</param>
/// <param name="Environment">All of its environment but for the mark.</param>
internal sealed record ProgramCall(
    string Program,
    IReadOnlyList<string> Arguments,
    string Directory,
    IReadOnlyDictionary<string, string> Environment
)
{
    private static readonly string[] UsualVariables = ["PATH", "HOME", "LANG", "TERM", "TMPDIR"];

    /// <summary>What starts a command for one request; the files that it is given are written.</summary>
    public static ProgramCall Of(CommandDialect dialect, CommandBackendOptions options, RunContext run)
    {
        var call = dialect.Call(run);
        Dictionary<string, string> environment = new(StringComparer.Ordinal);
        foreach (var name in UsualVariables.Concat(options.Environment))
        {
            if (System.Environment.GetEnvironmentVariable(name) is { } value)
            {
                environment[name] = value;
            }
        }

        foreach (var (name, value) in call.Environment)
        {
            environment[name] = value;
        }

        return new(
            Executable.Find(dialect.Program) ?? dialect.Program,
            call.Arguments,
            run.Folder.WorkingDirectory,
            environment
        );
    }

    /// <summary>A word by which all processes of one start are known.</summary>
    /// <param name="of">What it is started for.</param>
    public static string NewMark(string of) => $"{of}.{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}";
}
