using System.CommandLine;

namespace Pollard.Help;

/// <summary>Calls to begin with, as the help of each command shows them. A test parses every one.</summary>
internal static class Examples
{
    private static readonly Dictionary<string, string[]> ByCommand = new(StringComparer.Ordinal)
    {
        ["pollard"] = ["pollard up", "pollard ask \"Why is the sky blue?\"", "pollard tasks list"],
        ["pollard up"] =
        [
            "pollard up",
            "pollard up --openai http://127.0.0.1:8000 --slots 8",
            "pollard up --upstream https://api.example.com/v1 --upstream-key-file upstream.key",
        ],
        ["pollard serve"] = ["pollard serve", "pollard serve --urls http://0.0.0.0:7655 --data /var/lib/pollard"],
        ["pollard agent"] =
        [
            "pollard agent --gateway https://gateway.example.com --join jt_TOKEN",
            "pollard agent --models \"llama*\" --schedule \"mon-fri 18:00-08:00, sat-sun\" --when-idle 10m",
            "pollard agent --server http://127.0.0.1:5123 --pool-size 8",
        ],
        ["pollard agent install"] = ["pollard agent install --gateway https://gateway.example.com --join jt_TOKEN"],
        ["pollard agent pause"] = ["pollard agent pause", "pollard agent pause --for 2h"],
        ["pollard agent resume"] = ["pollard agent resume"],
        ["pollard agent pool-size"] = ["pollard agent pool-size 8"],
        ["pollard agent status"] = ["pollard agent status", "pollard agent status --json | jq .state"],
        ["pollard ask"] =
        [
            "pollard ask \"Why is the sky blue?\"",
            "git diff | pollard ask --model llama3.2:3b \"Write a commit message for this.\"",
            "pollard ask --background --timeout 2h \"Write a book.\"",
        ],
        ["pollard tasks"] = ["pollard tasks list --state running", "pollard tasks why task_ID"],
        ["pollard tasks list"] =
        [
            "pollard tasks list --state failed --limit 5",
            "pollard tasks list --json | jq -r .tasks[].id",
        ],
        ["pollard tasks export"] = ["pollard tasks export --state completed > tasks.jsonl"],
        ["pollard tasks show"] = ["pollard tasks show task_ID", "pollard tasks show task_ID --json | jq .usage"],
        ["pollard tasks watch"] = ["pollard tasks watch task_ID", "pollard tasks watch task_ID --after 41 --json"],
        ["pollard tasks wait"] = ["pollard tasks wait task_ID", "pollard tasks wait task_1 task_2 --timeout 15m"],
        ["pollard tasks cancel"] = ["pollard tasks cancel task_1 task_2"],
        ["pollard tasks retry"] = ["pollard tasks retry task_1 task_2"],
        ["pollard tasks input"] =
        [
            "pollard tasks input task_ID retry \"Answer in JSON.\"",
            "pollard tasks input task_ID reject \"Nobody needs it any more.\"",
        ],
        ["pollard tasks why"] = ["pollard tasks why task_ID"],
        ["pollard top"] = ["pollard top", "pollard top --gateway https://gateway.example.com --key-file admin.key"],
        ["pollard hosts"] = ["pollard hosts list"],
        ["pollard hosts list"] = ["pollard hosts list", "pollard hosts list --json | jq .hosts[].models"],
        ["pollard hosts drain"] = ["pollard hosts drain attic"],
        ["pollard hosts resume"] = ["pollard hosts resume attic"],
        ["pollard hosts audits"] = ["pollard hosts audits attic"],
        ["pollard hosts release"] = ["pollard hosts release attic"],
        ["pollard hosts revoke"] = ["pollard hosts revoke attic"],
        ["pollard models"] = ["pollard models", "pollard models --json | jq -r .[].id"],
        ["pollard key"] = ["pollard key create ci", "pollard key list"],
        ["pollard key create"] =
        [
            "pollard key create ci --requests-per-minute 60 --expires-in 30d",
            "pollard key create anna --admin",
        ],
        ["pollard key list"] = ["pollard key list"],
        ["pollard key revoke"] = ["pollard key revoke key_ID"],
        ["pollard token"] = ["pollard token create --name attic", "pollard token list"],
        ["pollard token create"] =
        [
            "pollard token create --name attic",
            "pollard token create --uses 10 --tier community --models \"llama*\" --expires-in 7d",
        ],
        ["pollard token list"] = ["pollard token list"],
        ["pollard token revoke"] = ["pollard token revoke jt_ID"],
        ["pollard voice"] = ["pollard voice all --sip 127.0.0.1:5060", "pollard voice call question.wav"],
        ["pollard voice all"] = ["pollard voice all --sip 127.0.0.1:5060 --model llama3.2:3b"],
        ["pollard voice stt"] = ["pollard voice stt --stt-engine openai:http://127.0.0.1:8000"],
        ["pollard voice llm"] = ["pollard voice llm --model llama3.2:3b"],
        ["pollard voice tts"] = ["pollard voice tts --tts-engine espeak --voice en-us"],
        ["pollard voice phone"] = ["pollard voice phone --audiosocket 127.0.0.1:9092"],
        ["pollard voice inbound"] = ["pollard voice inbound --wav question.wav --call call-1"],
        ["pollard voice outbound"] = ["pollard voice outbound --wav answer.wav --call call-1"],
        ["pollard voice call"] = ["pollard voice call question.wav --out answer.wav"],
        ["pollard voice status"] = ["pollard voice status", "pollard voice status --json"],
        ["pollard simulate"] = ["pollard simulate ollama --tokens-per-second 40"],
        ["pollard simulate ollama"] = ["pollard simulate ollama --tokens-per-second 40 --first-token 500ms"],
        ["pollard simulate openai"] = ["pollard simulate openai --models gpt-a,gpt-b --fault stall:5%"],
        ["pollard simulate anthropic"] = ["pollard simulate anthropic --answer weather=Sunny."],
        ["pollard simulate tasks"] = ["pollard simulate tasks --tasks 1000 --delay 50ms"],
        ["pollard doctor"] = ["pollard doctor", "pollard doctor --gateway https://gateway.example.com --json"],
        ["pollard backup"] = ["pollard backup /var/backups/pollard-monday"],
        ["pollard restore"] =
        [
            "pollard restore /var/backups/pollard-monday --data /var/lib/pollard",
            "pollard restore /var/backups/pollard-monday --replace",
        ],
        ["pollard completion"] = ["pollard completion bash"],
        ["pollard completion bash"] = ["source <(pollard completion bash)"],
        ["pollard completion zsh"] = ["source <(pollard completion zsh)"],
        ["pollard completion fish"] = ["pollard completion fish > ~/.config/fish/completions/pollard.fish"],
        ["pollard completion powershell"] = ["pollard completion powershell | Out-String | Invoke-Expression"],
        ["pollard help"] = ["pollard help tasks list"],
        ["pollard help exit-codes"] = ["pollard help exit-codes"],
    };

    /// <summary>The examples of a command, the shortest first.</summary>
    public static IReadOnlyList<string> Of(Command command) => ByCommand.GetValueOrDefault(PathOf(command)) ?? [];

    /// <summary>What is typed for a command: <c>pollard tasks list</c>.</summary>
    public static string PathOf(Command command) =>
        command.Parents.OfType<Command>().FirstOrDefault() is { } parent
            ? $"{PathOf(parent)} {command.Name}"
            : "pollard"; // However the file is called that runs.
}
