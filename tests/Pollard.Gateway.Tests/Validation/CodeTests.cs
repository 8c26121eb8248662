namespace Pollard.Gateway.Tests.Validation;

/// <summary>Code and SQL are parsed by the real programs, and never run.</summary>
public sealed class CodeTests
{
    [Theory]
    [InlineData("python", null, "x = 1\nprint(x)", null)]
    [InlineData("python", null, "Sure:\n```python\ndef f(a):\n    return a\n```\nThat is it.", null)]
    [InlineData("python", null, "```sh\npip install x\n```\n```py\nx = 1\n```", null)]
    [InlineData("code", null, "import sys\nsys.exit(3)", null)]
    [InlineData(
        "code",
        """{"language":"Python"}""",
        "deff greet(name):\n    pass",
        "the Python code cannot be parsed: line 1: invalid syntax"
    )]
    [InlineData("python", null, "Here is what you want.", "the Python code cannot be parsed: line 1: invalid syntax")]
    [InlineData("python", null, "```python\n```", "the answer has no Python code")]
    [InlineData("code", """{"language":"javascript"}""", "let a = 1; process.exit(9)", null)]
    [InlineData("code", """{"language":"js"}""", "```js\nimport x from 'y';\nexport const z = await x();\n```", null)]
    [InlineData(
        "code",
        """{"language":"js"}""",
        "let a = 1;\nlet b = ;",
        "the JavaScript code cannot be parsed: line 2: Unexpected token ';'"
    )]
    [InlineData("code", """{"language":"json"}""", "{}", null)]
    [InlineData(
        "code",
        """{"language":"json"}""",
        "{",
        "the answer is not valid JSON: line 1, column 2 cannot be read"
    )]
    public Task Code(string type, string? parameters, string answer, string? error) =>
        FindsAsync(type, parameters, answer, error);

    [Theory]
    [InlineData("SELECT a, count(*) FROM orders o JOIN users u ON u.id = o.user GROUP BY a", null)]
    [InlineData("```sql\nCREATE TABLE t (a INT);\nINSERT INTO t VALUES ('x;y');\nDROP TABLE gone;\n```", null)]
    [InlineData("-- all of them\nSELECT nosuch(1), :name, ? FROM t -- so", null)]
    [InlineData("EXPLAIN QUERY PLAN SELECT 1", null)]
    [InlineData("SELEC 1", "near \"SELEC\": syntax error")]
    [InlineData("SELECT * FROM t WHERE", "incomplete input")]
    [InlineData("SELECT * FROM t; SELECT FROM", "statement 2: near \"FROM\": syntax error")]
    [InlineData("SELECT 'abc", "unrecognized token: \"'abc\"")]
    [InlineData("-- nothing\n ;", "there is no statement")]
    public Task Sql(string answer, string? error) =>
        FindsAsync("sql", null, answer, error is null ? null : $"the SQL cannot be parsed: {error}");

    [Theory]
    [InlineData("SELECT replace(name, 'drop table', '') AS load FROM t WHERE a = 'x' OR b = 1;", null)]
    [InlineData("```sql\nWITH a AS (SELECT 1 AS n) SELECT n FROM a; -- all\n```", null)]
    [InlineData("SELECT sleep FROM naps", null)]
    [InlineData("DROP TABLE users", "it begins with DROP, not with SELECT or WITH")]
    [InlineData("SELECT 1; DROP TABLE users", "it has several statements")]
    [InlineData("SELECT 'it''s'; delete from t", "it has several statements")]
    [InlineData("WITH a AS (SELECT 1) DELETE FROM t", "it has the word DELETE")]
    [InlineData("SELECT * INTO x FROM t", "it has the word INTO")]
    [InlineData("SELECT pg_sleep (10)", "it uses pg_sleep")]
    [InlineData("SELECT * FROM t WHERE a = '' OR 1 = 1", "it has a condition that is always true")]
    [InlineData("SELECT * FROM t WHERE a = '' or 'a'='a'", "it has a condition that is always true")]
    [InlineData("SELECT 1 /*!50000 , sleep(1) */", "it has a comment that MySQL executes")]
    [InlineData("SELECT 1--1;DROP TABLE x", "it has a -- without a space after it")]
    [InlineData("SELECT 'a\\''; DROP TABLE x; -- '", "it has a backslash before a quote")]
    [InlineData("SELECT 'a", "a quote is not closed")]
    [InlineData("-- nothing", "there is no statement")]
    public Task Safe_sql(string answer, string? error) =>
        FindsAsync("sql_safe", null, answer, error is null ? null : $"the SQL is not safe: {error}");

    [Fact]
    public Task Safe_sql_must_also_be_sql() =>
        FindsAsync("sql_safe", null, "SELECT FROM", "the SQL cannot be parsed: near \"FROM\": syntax error");

    [Fact]
    public void Other_languages_are_refused_by_name()
    {
        var error = Judging.Refusal(() => Judging.Check("code", """{"language":"rust"}"""));

        Assert.Equal(
            (400, "validation[0].params.language", "not_available"),
            (error.Status, error.Parameter, error.Code)
        );
    }

    private static async Task FindsAsync(string type, string? parameters, string answer, string? error) =>
        Assert.Equal(error, (await Judging.FindAsync(type, parameters, answer)).Error);
}
