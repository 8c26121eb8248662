namespace Pollard.Gateway.Validation;

/// <summary><c>code</c> and <c>python</c>: whether the answer's code can be parsed. Nothing is executed.</summary>
internal sealed class CodeChecks(ParserProcess parser)
{
    private const string PythonScript = """
        import ast, sys
        try:
            ast.parse(sys.stdin.buffer.read())
        except SyntaxError as e:
            print("line %s: %s" % (e.lineno or 1, e.msg))
            sys.exit(65)
        except (ValueError, RecursionError, MemoryError, OverflowError) as e:
            print(str(e) or "it is too large, or nested too deep")
            sys.exit(65)
        """;

    // A module's import and export are errors in a script, and "await" at the top too: what either reads is right.
    private const string NodeScript = """
        const { Script, SourceTextModule } = require('vm');
        const source = require('fs').readFileSync(0, 'utf8');
        const say = (e) => {
          const line = /^[^\n]*:(\d+)\n/.exec(e.stack || '');
          process.stdout.write((line ? 'line ' + line[1] + ': ' : '') + e.message);
          process.exitCode = 65;
        };
        try {
          new Script(source, { filename: 'answer' });
        } catch (scriptError) {
          try {
            new SourceTextModule(source, { identifier: 'answer' });
          } catch (e) {
            say(/\b(?:import|export)\b/.test(source) ? e : scriptError);
          }
        }
        """;

    private static readonly string[] PythonNames = ["python", "py", "python3"];
    private static readonly string[] NodeNames = ["javascript", "js", "mjs", "cjs", "node"];

    /// <summary><c>code</c>.</summary>
    public AnswerCheck Code(ParamReader given)
    {
        var language = given.Text("language") ?? "python";
        given.End();
        return language.ToLowerInvariant() switch
        {
            "python" or "py" or "python3" => Python(given, "language"),
            "javascript" or "js" => JavaScript(given),
            "json" => Checks.OfJson(_ => Finding.Valid),
            _ => throw given.Wrong(
                "language",
                "must be python, javascript or json: code in other languages cannot be checked here",
                "not_available"
            ),
        };
    }

    /// <summary><c>python</c>.</summary>
    public AnswerCheck Python(ParamReader given)
    {
        given.End();
        return Python(given, "language");
    }

    private AnswerCheck Python(ParamReader given, string member) =>
        Parsed(given, member, "python3", ["-I", "-c", PythonScript], "Python", PythonNames);

    private AnswerCheck JavaScript(ParamReader given) =>
        Parsed(
            given,
            "language",
            "node",
            ["--max-old-space-size=256", "--experimental-vm-modules", "--no-warnings", "-e", NodeScript],
            "JavaScript",
            NodeNames
        );

    private AnswerCheck Parsed(
        ParamReader given,
        string member,
        string program,
        string[] arguments,
        string language,
        string[] names
    )
    {
        if (parser.Lacks(program) is { } lack)
        {
            throw given.Wrong(member, $"cannot be checked: it {lack}", "not_available");
        }

        return async (answer, ct) =>
        {
            var code = CodeBlocks.Find(answer.Text, names) ?? answer.Text;
            if (string.IsNullOrWhiteSpace(code))
            {
                return Finding.Of($"the answer has no {language} code", "Answer with code.");
            }

            var problem = await parser.AskAsync(program, arguments, code, ct);
            return Finding.When(
                problem is null,
                $"the {language} code cannot be parsed: {problem}",
                "Correct the syntax and answer with the code only."
            );
        };
    }
}
