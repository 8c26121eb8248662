using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Pollard.Help;

/// <summary>The usual help, and examples below it.</summary>
internal sealed class HelpWithExamples(HelpAction usual) : SynchronousCommandLineAction
{
    public override int Invoke(ParseResult parseResult)
    {
        var exitCode = usual.Invoke(parseResult);
        var command = parseResult.CommandResult.Command;
        var output = parseResult.InvocationConfiguration.Output;
        output.WriteLine("Examples:");
        foreach (var example in Examples.Of(command))
        {
            output.WriteLine("  " + example);
        }

        output.WriteLine();
        if (command is RootCommand)
        {
            output.WriteLine("What the end of a command says: pollard help exit-codes");
            output.WriteLine();
        }

        return exitCode;
    }
}
