namespace Pollard.Tests.Support;

/// <summary>What a gateway says, as text.</summary>
internal static class Documents
{
    /// <summary>A task of two events whose chat answered <c>Hello there</c>, once it has completed.</summary>
    public static string Task(string id, string state, string? rest = null)
    {
        var final = state is "completed" or "failed" or "timeout" or "cancelled" ? "true" : "false";
        return $$"""
            {"id":"{{id}}","kind":"chat","model":"m","state":"{{state}}","final":{{final}},"priority":0,
            "created_at":"2026-01-02T03:04:05.678Z","attempt":1,"max_attempts":3,"validation_attempts":0,
            "version":2,"events":4,"durability":"full"{{(rest is null ? "" : "," + rest)}}}
            """.ReplaceLineEndings("");
    }

    /// <summary>The result of a chat.</summary>
    public static string Result(string text) =>
        $$$"""
            "result":{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"{{{text}}}"}}]}
            """;

    /// <summary>Why a task failed.</summary>
    public static string Error(string detail) =>
        $$"""
            "error":{"type":"urn:pollard:error:backend","title":"The backend failed.","detail":"{{detail}}"}
            """;

    /// <summary>A refusal of our own doors.</summary>
    public static string Problem(string type, string detail, int status) =>
        $$"""
            {"type":"urn:pollard:error:{{type}}","title":"No.","detail":"{{detail}}","status":{{status}}}
            """;

    /// <summary>An event, as its stream sends it.</summary>
    public static string Sent(long seq, string type, string? rest = null) =>
        $$"""
            id: {{seq}}
            data: {"seq":{{seq}},"at":"2026-01-02T03:04:05.678Z","type":"{{type}}"{{(
                rest is null ? "" : "," + rest
            )}}}


            """;

    /// <summary>A piece of an answer's text, as its stream sends it.</summary>
    public static string SentText(long seq, string text) =>
        Sent(
            seq,
            "delta",
            $$"""
            "kind":"content","text":"{{text}}"
            """
        );
}
