using Pollard.Commands;
using Pollard.Output;

namespace Pollard.Composition;

/// <summary>What a gateway says once it can be called: where, with which key, and what to try.</summary>
internal sealed class Greeting(CommandContext context, RunningGateway gateway)
{
    /// <summary>Where it is called from this machine.</summary>
    public string Url { get; } = Callable(gateway.Server.Addresses[0]);

    /// <summary>Where it answers, and the first admin key when this start made it.</summary>
    public void Ready()
    {
        var print = context.Print;
        var key = gateway.Server.FirstAdminKey;
        if (print.Json)
        {
            var link = gateway.Server.LinkAddress is { } address ? Callable(address) : null;
            print.JsonLine(new StartedServer(Url, link, key), Printer.Own.StartedServer);
            return;
        }

        print.Line($"Pollard {ProgramVersion.Text} answers at {Url} (data: {context.Settings.DataPath})");
        print.Line($"Dashboard: {Url} in a browser");
        if (key is not null)
        {
            print.Line();
            print.Line($"Admin key: {key}");
            print.Line(
                "It is shown only now. Keys for clients: pollard key create NAME; for hosts: pollard token create"
            );
        }
    }

    /// <summary>How a machine with a model joins.</summary>
    public void HowToJoin()
    {
        var token = gateway.Server.FirstAdminKey is null ? "" : " --join TOKEN";
        context.Print.Line($"Hosts join with: pollard agent --gateway {Url} --ollama http://127.0.0.1:11434{token}");
    }

    /// <summary>A request to try.</summary>
    public void HowToTry(string model) =>
        HowTo(
            "/v1/chat/completions -H 'Content-Type: application/json'",
            $" -d '{{\"model\":\"{model}\",\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'"
        );

    /// <summary>A call of a tool to try.</summary>
    public void HowToCall(string tool) => HowTo($"/v1/teleport/{tool}/", "");

    private void HowTo(string path, string body)
    {
        var key = gateway.Server.FirstAdminKey is { } secret ? $" -H 'Authorization: Bearer {secret}'" : "";
        context.Print.Line();
        context.Print.Line("Try it:");
        context.Print.Line($"  curl {Url}{path}{key}{body}");
    }

    // Bound to every address, it is called at one: its own machine's.
    private static string Callable(Uri address) =>
        address.Host is "0.0.0.0" or "[::]" or "*" or "+"
            ? $"http://127.0.0.1:{address.Port}"
            : address.AbsoluteUri.TrimEnd('/');
}
