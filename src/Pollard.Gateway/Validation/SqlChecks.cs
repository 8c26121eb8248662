namespace Pollard.Gateway.Validation;

/// <summary><c>sql</c> and <c>sql_safe</c>: whether SQLite's parser takes the answer's SQL. No statement runs, and no database is there.</summary>
internal sealed class SqlChecks(ParserProcess parser)
{
    private const string Python = "python3";

    // A statement is compiled, never stepped into. What its tables and functions are is not known here, so that they are missing
    // is no error; SQLite finds errors of syntax before it looks for a name.
    private const string Script = """
        import re, sqlite3, sys
        text = sys.stdin.buffer.read().decode("utf-8", "replace").replace("\0", " ")
        bad = re.compile(r'syntax error|incomplete input|unrecognized token|too big|too large|too long|too many|overflow|only execute one')
        connection = sqlite3.connect(":memory:")
        statements, part = [], ""
        for piece in re.split("(;)", text):
            part += piece
            if piece == ";" and sqlite3.complete_statement(part):
                statements.append(part)
                part = ""
        statements.append(part)
        comment = re.compile(r"^(?:\s|;|--[^\n]*(?:\n|$)|/\*.*?\*/)*", re.S)
        statements = [s for s in statements if comment.sub("", s, count=1)]
        if not statements:
            print("there is no statement")
            sys.exit(65)
        for number, statement in enumerate(statements, 1):
            try:
                statement = comment.sub("", statement, count=1)
                statement = re.sub(r"(?i)^explain\s+(query\s+plan\s+)?", "", statement)
                connection.execute("EXPLAIN " + statement)
            except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError, MemoryError) as e:
                if not isinstance(e, (sqlite3.Error, sqlite3.Warning)) or bad.search(str(e)):
                    print(("statement %d: " % number if len(statements) > 1 else "") + (str(e) or "it is too large"))
                    sys.exit(65)
        """;

    /// <summary><c>sql</c>.</summary>
    public AnswerCheck Sql(ParamReader given) => Read(given, _ => null);

    /// <summary><c>sql_safe</c>.</summary>
    public AnswerCheck SafeSql(ParamReader given) => Read(given, SqlRules.WhatIsUnsafe);

    private AnswerCheck Read(ParamReader given, Func<string, string?> findUnsafe)
    {
        given.End();
        if (parser.Lacks(Python) is { } lack)
        {
            throw given.Refused($"SQL cannot be checked: it {lack}", "not_available");
        }

        return async (answer, ct) =>
        {
            var sql = CodeBlocks.Find(answer.Text, "sql", "sqlite", "postgresql", "mysql") ?? answer.Text;
            if (findUnsafe(sql) is { } danger)
            {
                return Finding.Of($"the SQL is not safe: {danger}", "Answer with one SELECT statement.");
            }

            var problem = await parser.AskAsync(Python, ["-I", "-c", Script], sql, ct);
            return Finding.When(
                problem is null,
                $"the SQL cannot be parsed: {problem}",
                "Correct the syntax and answer with the SQL only."
            );
        };
    }
}
