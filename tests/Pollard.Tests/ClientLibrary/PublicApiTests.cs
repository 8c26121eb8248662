using System.Reflection;
using Pollard.Client;
using Pollard.Protocol.Api;
using Pollard.Tests.Support;
using PublicApiGenerator;

namespace Pollard.Tests.ClientLibrary;

/// <summary>
/// What programs may rely on, as one text a library. A change of it is meant: copy the text that the failed test wrote beside the
/// approved one over that.
/// </summary>
public sealed class PublicApiTests
{
    private static readonly ApiGeneratorOptions Options = new()
    {
        IncludeAssemblyAttributes = false,
        // How it is compiled, which is no promise.
        ExcludeAttributes = ["System.Runtime.CompilerServices.AsyncIteratorStateMachineAttribute"],
    };

    [Fact]
    public void The_client_promises_what_was_approved() => Check(typeof(PollardClient).Assembly);

    [Fact]
    public void The_protocol_promises_what_was_approved() => Check(typeof(TaskDocument).Assembly);

    private static void Check(Assembly assembly)
    {
        var approved = Repository.In($"src/{assembly.GetName().Name}/PublicApi.txt");
        var api = assembly.GeneratePublicApi(Options).ReplaceLineEndings("\n");
        var expected = File.Exists(approved) ? File.ReadAllText(approved).ReplaceLineEndings("\n") : "";

        if (expected.Trim() != api.Trim())
        {
            File.WriteAllText(approved + ".new", api + "\n");
        }

        Assert.Equal(expected.Trim(), api.Trim());
    }
}
