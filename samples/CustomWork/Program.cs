// An agent with work of one's own, for a gateway:
//
//     ./pollard serve
//     dotnet run --project samples/CustomWork
//     curl http://127.0.0.1:7655/v1/tasks -H 'Prefer: wait=5' -d '{"kind":"word-count","model":"words","request":{"text":"a b c"}}'
//
// With Server in place of Gateway it works for a server of the small get-task contract.
using CustomWork;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Agent;

using CancellationTokenSource stop = new();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel(); // What runs is finished and delivered first.
};

AgentOptions options = new()
{
    Gateway = new Uri(Environment.GetEnvironmentVariable("POLLARD_GATEWAY") ?? "http://127.0.0.1:7655"),
    JoinToken = Environment.GetEnvironmentVariable("POLLARD_JOIN"),
    Name = "word-counter",
    StateDirectory = Path.Combine(
        Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData),
        "word-counter"
    ),
};
Directory.CreateDirectory(options.StateDirectory);
AgentExit exit = await new AgentHost(options, [new WordCount()], NullLoggerFactory.Instance).RunAsync(stop.Token);
Console.WriteLine(exit.Reason);
return exit.End == AgentEnd.Stopped ? 0 : 1;
