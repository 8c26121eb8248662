// A call that takes its time: hand it in, see how far it is, lose the connection, read on, take the answer.
//
//     ./pollard up
//     dotnet run --project samples/LongCall -- [model] [prompt]
using LongCall;
using Pollard.Client;

var model = args.ElementAtOrDefault(0) ?? "pollard-demo";
var prompt = args.ElementAtOrDefault(1) ?? "Tell me a long story about a river.";
var options = new PollardClientOptions
{
    Gateway = new Uri(Environment.GetEnvironmentVariable("POLLARD_GATEWAY") ?? "http://127.0.0.1:7655"),
    Key = Environment.GetEnvironmentVariable("POLLARD_KEY"),
};
var connection = new Connection();
using var gateway = new PollardClient(options, connection.Handler);

var task = await gateway.Tasks.SubmitChatAsync(new ChatPrompt(model, prompt) { MaxTokens = 200 });
Console.WriteLine($"Task {task.Id} is on disk. It will end, whatever becomes of this program.");

var isCut = false;
await foreach (var progress in task.ProgressAsync())
{
    var phase = progress.Message ?? progress.Phase;
    Console.WriteLine($"  {phase} {progress.Percent:0'%'} {progress.Partial?.Length ?? 0} characters so far");
    if (!isCut && progress.Partial is not null)
    {
        isCut = true;
        Console.WriteLine("  (The connection is cut.)");
        connection.Cut();
    }
}

var answer = await task.ResultAsync();
Console.WriteLine(answer.Text);
Console.WriteLine($"Tokens: {answer.InputTokens} in, {answer.OutputTokens} out. Connections: {connection.Opened}.");
