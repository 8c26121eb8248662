using System.CommandLine;
using System.Globalization;

namespace Pollard.Configuration;

/// <summary>
/// What an option is set to. One rule for all: the flag <c>--first-name</c>, else the environment's <c>POLLARD_FIRST_NAME</c>,
/// else <c>first_name</c> in <c>pollard.json</c>, else the default.
/// </summary>
internal sealed partial class Settings
{
    private readonly ParseResult _parsed;
    private readonly Func<string, string?> _environment;
    private readonly ConfigFile _file;

    private Settings(ParseResult parsed, Func<string, string?> environment)
    {
        _parsed = parsed;
        _environment = environment;
        DataPath = Path.GetFullPath(Flag(CommonOptions.Data) ?? Variable("data") ?? DataDirectory.Default(environment));
        var named = Flag(CommonOptions.Config) ?? Variable("config");
        _file = ConfigFile.Read(
            named ?? Path.Combine(DataPath, ConfigFile.Name),
            named is not null,
            name => IsOption(parsed.RootCommandResult.Command, name)
        );
        if (_file.Find("data") is [var data] && Flag(CommonOptions.Data) is null)
        {
            DataPath = Path.GetFullPath(Variable("data") ?? data);
        }
    }

    /// <summary>Where everything lies that must be there after a restart.</summary>
    public string DataPath { get; }

    /// <summary>The configuration file that was read; null when there is none.</summary>
    public string? ConfigPath => _file.FilePath;

    public static Settings Read(ParseResult parsed, Func<string, string?> environment) => new(parsed, environment);

    /// <summary>A text, or null.</summary>
    public string? Text(Option<string?> option) => Find(option)?.Value;

    /// <summary>A text, what it means where the option stands alone or is <c>true</c>, or null.</summary>
    public string? TextIfAny(Option<string?> option, string alone)
    {
        var isAlone = _parsed.GetResult(option) is { Implicit: false } && _parsed.GetValue(option) is null;
        return isAlone
            ? alone
            : Find(option)?.Value switch
            {
                "true" => alone,
                "false" => null,
                var text => text,
            };
    }

    /// <summary>A switch; off unless it is set.</summary>
    public bool IsOn(Option<bool> option)
    {
        if (_parsed.GetResult(option) is { Implicit: false })
        {
            return _parsed.GetValue(option);
        }

        if (option is CallOption<bool>)
        {
            return false;
        }

        var (value, source) = FindBeyondFlags(option.Name.TrimStart('-'));
        return value?.ToLowerInvariant() switch
        {
            null or "false" or "0" or "no" or "" => false,
            "true" or "1" or "yes" => true,
            _ => throw new UsageException($"{source} is \"{value}\"; write true or false."),
        };
    }

    /// <summary>Several texts; none when it is not set. In the environment they are parted by commas.</summary>
    public IReadOnlyList<string> Texts(Option<string[]> option)
    {
        if (_parsed.GetResult(option) is { Implicit: false })
        {
            return Split(_parsed.GetValue(option) ?? []);
        }

        if (option is CallOption<string[]>)
        {
            return [];
        }

        var name = option.Name.TrimStart('-');
        return Variable(name) is { } variable ? Split([variable]) : _file.Find(name) ?? [];
    }

    /// <summary>Several texts that may have commas within; none when it is not set. In the environment each is a line.</summary>
    public IReadOnlyList<string> Lines(Option<string[]> option)
    {
        if (_parsed.GetResult(option) is { Implicit: false })
        {
            return _parsed.GetValue(option) ?? [];
        }

        var name = option.Name.TrimStart('-');
        const StringSplitOptions Clean = StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries;
        return Variable(name)?.Split('\n', Clean) ?? _file.Find(name) ?? [];
    }

    /// <summary>A whole number within bounds, or null.</summary>
    public int? Number(Option<string?> option, int least, int most)
    {
        if (Find(option) is not { } found)
        {
            return null;
        }

        return
            int.TryParse(found.Value, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number
            : throw new UsageException(
                $"{found.Source} is \"{found.Value}\"; write a whole number from {least} to {most}."
            );
    }

    /// <summary>A number of at least 0, or null.</summary>
    public double? Amount(Option<string?> option)
    {
        if (Find(option) is not { } found)
        {
            return null;
        }

        return
            double.TryParse(found.Value, CultureInfo.InvariantCulture, out var number)
            && double.IsFinite(number)
            && number >= 0
            ? number
            : throw new UsageException($"{found.Source} is \"{found.Value}\"; write a number of at least 0.");
    }

    /// <summary>A share of 0 to 1, or null; written as <c>2%</c> or <c>0</c>.</summary>
    public double? Share(Option<string?> option)
    {
        if (Find(option) is not { } found)
        {
            return null;
        }

        var text =
            found.Value.EndsWith('%') ? found.Value[..^1]
            : found.Value == "0" ? "0"
            : "";
        return
            double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var percent)
            && percent <= 100
            ? percent / 100
            : throw new UsageException($"{found.Source} is \"{found.Value}\"; write 0% to 100%.");
    }

    /// <summary>A duration, or null: <c>90</c> (seconds), <c>500ms</c>, <c>15m</c>, <c>2h</c>, <c>7d</c>.</summary>
    public TimeSpan? Duration(Option<string?> option)
    {
        if (Find(option) is not { } found)
        {
            return null;
        }

        return Durations.TryParse(found.Value, out var duration)
            ? duration
            : throw new UsageException(
                $"{found.Source} is \"{found.Value}\"; write a duration such as 90, 500ms, 15m, 2h or 7d."
            );
    }

    /// <summary>An address, or null.</summary>
    public Uri? Address(Option<string?> option) => Address(option, "http", "https");

    /// <summary>An address of one of these schemes.</summary>
    public Uri? Address(Option<string?> option, params string[] schemes) =>
        Find(option) is { } found ? Address(found.Value, found.Source, schemes) : null;

    /// <summary>Several addresses.</summary>
    public IReadOnlyList<Uri> Addresses(Option<string[]> option) =>
        [.. Texts(option).Select(text => Address(text, option.Name, "http", "https"))];

    /// <summary>
    /// A secret: from the file that the option names, else from the environment or the configuration file under the option's
    /// name without <c>-file</c>. Never a flag of its own: flags are seen by everybody on the machine.
    /// </summary>
    public string? Secret(Option<string?> fileOption)
    {
        if (Flag(fileOption) is { } file)
        {
            return ReadSecret(file, fileOption.Name);
        }

        var name = fileOption.Name.TrimStart('-');
        var direct = name[..^"-file".Length];
        if (Variable(direct) is { Length: > 0 } value)
        {
            return value;
        }

        return FindBeyondFlags(name) is ({ } path, var source)
            ? ReadSecret(path, source)
            : _file.Find(direct)?.FirstOrDefault();
    }

    /// <summary>A secret that only a file has, named for this call.</summary>
    public string? SecretFile(Option<string?> fileOption) =>
        Flag(fileOption) is { } file ? ReadSecret(file, fileOption.Name) : null;

    private static string ReadSecret(string path, string source)
    {
        try
        {
            return File.ReadAllText(path).Trim() is { Length: > 0 } secret
                ? secret
                : throw new UsageException($"{source} names {path}, which is empty.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{source} names {path}, which cannot be read: {e.Message}", e);
        }
    }

    private static Uri Address(string text, string source, params string[] schemes) =>
        Uri.TryCreate(text, UriKind.Absolute, out var address)
        && schemes.Contains(address.Scheme, StringComparer.Ordinal)
            ? address
            : throw new UsageException($"{source} is \"{text}\"; write an address such as http://127.0.0.1:7655.");

    private (string Value, string Source)? Find(Option<string?> option)
    {
        if (Flag(option) is { } flag)
        {
            return (flag, option.Name);
        }

        return
            option is not CallOption<string?> && FindBeyondFlags(option.Name.TrimStart('-')) is ({ } value, var source)
            ? (value, source)
            : null;
    }

    private (string? Value, string Source) FindBeyondFlags(string name)
    {
        if (Variable(name) is { } variable)
        {
            return (variable, VariableName(name));
        }

        return _file.Find(name) switch
        {
            null => (null, ""),
            [var single] => (single, $"\"{name.Replace('-', '_')}\" in {_file.FilePath}"),
            _ => throw new UsageException(
                $"\"{name.Replace('-', '_')}\" in {_file.FilePath} is a list; write one value."
            ),
        };
    }

    private string? Flag(Option<string?> option) =>
        _parsed.GetResult(option) is { Implicit: false } ? _parsed.GetValue(option) : null;

    private string? Variable(string name) => _environment(VariableName(name)) is { Length: > 0 } value ? value : null;

    private static string VariableName(string name) => "POLLARD_" + name.Replace('-', '_').ToUpperInvariant();

    private static IReadOnlyList<string> Split(IEnumerable<string> texts) =>
        [
            .. texts.SelectMany(text =>
                text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            ),
        ];

    // A secret's own name is an option too, see Secret.
    private static bool IsOption(Command command, string name) =>
        command.Options.Any(option =>
            option is Option<string?> or Option<string[]> or Option<bool>
            && option is not (CallOption<string?> or CallOption<string[]> or CallOption<bool>)
            && (option.Name == "--" + name || option.Name == "--" + name + "-file")
        ) || command.Subcommands.Any(subcommand => IsOption(subcommand, name));
}
