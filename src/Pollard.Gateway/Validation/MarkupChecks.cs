using System.Net;
using System.Text.RegularExpressions;

namespace Pollard.Gateway.Validation;

/// <summary>Checks for what an answer must not carry into a page or a prompt. They look for known forms: a net, no proof.</summary>
internal static partial class MarkupChecks
{
    [GeneratedRegex(@"<\s*/?\s*script\b", RegexOptions.IgnoreCase | RegexOptions.NonBacktracking)]
    private static partial Regex ScriptTag { get; }

    [GeneratedRegex(
        @"<\s*/?\s*(?:script|iframe|frame|object|embed|applet|base|meta|link|style|form)\b",
        RegexOptions.IgnoreCase | RegexOptions.NonBacktracking
    )]
    private static partial Regex ActiveElement { get; }

    // Strict on purpose: after a tag has begun, such a word before "=" counts wherever it stands, as quotes can be made to lie.
    [GeneratedRegex(@"<[a-z][\s\S]*?[\s/""'`]on[a-z]+\s*=", RegexOptions.IgnoreCase | RegexOptions.NonBacktracking)]
    private static partial Regex EventHandler { get; }

    [GeneratedRegex(
        @"(?:javascript|vbscript)\s*:|data\s*:\s*text/html",
        RegexOptions.IgnoreCase | RegexOptions.NonBacktracking
    )]
    private static partial Regex ActiveAddress { get; }

    [GeneratedRegex(
        @"\b(?:ignore|disregard|forget)\s+(?:all\s+)?(?:of\s+)?(?:the\s+|your\s+|my\s+)?(?:previous|prior|above|earlier|preceding)\b",
        RegexOptions.IgnoreCase | RegexOptions.NonBacktracking
    )]
    private static partial Regex Override { get; }

    [GeneratedRegex(
        @"<\|(?:im_start|im_end|system|user|assistant|endoftext)\|>|\[/?INST\]|<</?SYS>>",
        RegexOptions.IgnoreCase | RegexOptions.NonBacktracking
    )]
    private static partial Regex ChatMarker { get; }

    [GeneratedRegex(
        @"['""]\s*or\s+['""]?(?:1['""]?\s*=\s*['""]?1|a['""]?\s*=\s*['""]?a)|;\s*(?:drop|truncate|alter)\s+table\b|\bunion\s+(?:all\s+)?select\b[^;]*\bfrom\s+(?:information_schema|sqlite_master|mysql\.user)|\bxp_cmdshell\b",
        RegexOptions.IgnoreCase | RegexOptions.NonBacktracking
    )]
    private static partial Regex SqlInjection { get; }

    /// <summary><c>no_script_tags</c>.</summary>
    public static AnswerCheck NoScriptTags(ParamReader given)
    {
        given.End();
        return Checks.Of(answer =>
            Finding.When(!ScriptTag.IsMatch(answer.Text), "the answer has a script tag", "Leave scripts out.")
        );
    }

    /// <summary><c>safe_html</c>.</summary>
    public static AnswerCheck SafeHtml(ParamReader given)
    {
        given.End();
        return Checks.Of(answer =>
        {
            var html = answer.Text;
            var address = AsBrowsersRead(html);
            return ActiveElement.Match(html) is { Success: true } element
                    ? Finding.Of($"the HTML has the element {element.Value}>", "Use elements that only show something.")
                : EventHandler.IsMatch(html)
                    ? Finding.Of("the HTML has an event handler (an attribute on...=)", "Leave event handlers out.")
                : ActiveAddress.IsMatch(address)
                    ? Finding.Of("the HTML has an address that runs code", "Use http, https or mailto addresses.")
                : Finding.Valid;
        });
    }

    /// <summary><c>no_injection_detected</c>.</summary>
    public static AnswerCheck NoInjection(ParamReader given)
    {
        var forbidden = given.Texts("forbidden_phrases") ?? [];
        given.End();
        return Checks.Of(answer =>
        {
            var text = answer.Text;
            var phrase = Array.Find(forbidden, phrase => text.Contains(phrase, StringComparison.OrdinalIgnoreCase));
            return phrase is not null ? Finding.Of($"the answer has the forbidden phrase \"{phrase}\"", "Leave it out.")
                : Override.IsMatch(text)
                    ? Finding.Of("the answer tells its reader to ignore earlier instructions", "Leave that out.")
                : ChatMarker.IsMatch(text)
                    ? Finding.Of("the answer has a marker of a chat template", "Answer in plain text.")
                : SqlInjection.IsMatch(text) ? Finding.Of("the answer has a form of SQL injection", "Leave it out.")
                : Finding.Valid;
        });
    }

    // An address may be written with entities, three of which only HTML 5 has, and with breaks that do not count.
    private static string AsBrowsersRead(string html)
    {
        var text = WebUtility
            .HtmlDecode(html)
            .Replace("&colon;", ":", StringComparison.Ordinal)
            .Replace("&Tab;", "", StringComparison.Ordinal)
            .Replace("&NewLine;", "", StringComparison.Ordinal);
        return string.Concat(text.Where(c => !char.IsControl(c)));
    }
}
