using System.CommandLine;
using System.Text.RegularExpressions;
using Pollard.Protocol.Api;

namespace Pollard.Configuration;

/// <content>What all options of the command are set to, and by whom: for people who look after the gateway.</content>
internal sealed partial class Settings
{
    private const string Hidden = "(set)";
    private const string DefaultWord = "Default: ";
    private const string SecretFileSuffix = "-file";

    // A name and password within an address.
    [GeneratedRegex("://[^/@\\s]+@", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Credentials { get; }

    /// <summary>Every option of the command that runs, by name; secrets only as being set.</summary>
    public IReadOnlyList<SettingDocument> Describe() =>
        [
            .. _parsed
                .CommandResult.Command.Options.Where(static option =>
                    option is Option<string?> or Option<string[]> or Option<bool>
                )
                .OrderBy(static option => option.Name, StringComparer.Ordinal)
                .Select(Describe),
        ];

    private SettingDocument Describe(Option option)
    {
        var name = option.Name.TrimStart('-');
        var about = option.Description ?? "";
        var at = about.LastIndexOf(DefaultWord, StringComparison.Ordinal);
        var isForCall = option is CallOption<string?> or CallOption<string[]> or CallOption<bool>;
        var (value, source) =
            isForCall ? FlagOf(option)
            : FlagOf(option) is { Value: not null } flag ? flag
            : Beyond(name);
        return new SettingDocument
        {
            Name = option.Name,
            Value =
                value is not null ? Credentials.Replace(value, $"://{Hidden}@")
                : at >= 0 ? about[(at + DefaultWord.Length)..]
                : option is Option<bool> ? "false"
                : null,
            Source = value is null ? "default" : source,
            Member = isForCall ? null : name.Replace('-', '_'),
            Variable = isForCall ? null : VariableName(name),
            About = (at > 0 ? about[..at] : about).TrimEnd('.', ' '),
        };
    }

    private (string? Value, string Source) FlagOf(Option option) =>
        _parsed.GetResult(option) is not { Implicit: false } result
            ? (null, "")
            : (
                option switch
                {
                    Option<bool> it => _parsed.GetValue(it) ? "true" : "false",
                    _ => string.Join(", ", result.Tokens.Select(static token => token.Value)),
                },
                "flag"
            );

    private (string? Value, string Source) Beyond(string name)
    {
        if (Variable(name) is { } variable)
        {
            return (variable, "environment");
        }

        if (_file.Find(name) is { } values)
        {
            return (string.Join(", ", values), "file");
        }

        // A secret may stand in place of the name of its file.
        if (!name.EndsWith(SecretFileSuffix, StringComparison.Ordinal))
        {
            return (null, "");
        }

        var secret = name[..^SecretFileSuffix.Length];
        return Variable(secret) is not null ? (Hidden, "environment")
            : _file.Find(secret) is not null ? (Hidden, "file")
            : (null, "");
    }
}
