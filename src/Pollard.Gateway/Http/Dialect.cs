using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Pollard.Gateway.Http;

/// <summary>How one family of clients expects errors.</summary>
internal abstract class Dialect
{
    /// <summary>The type of an error's body.</summary>
    public virtual string ContentType => "application/json";

    /// <summary>True for paths of this family.</summary>
    public abstract bool Speaks(PathString path);

    /// <summary>The error as this family expects it, where that is not only a matter of shape.</summary>
    public virtual DoorError Adapt(DoorError error) => error;

    /// <summary>Writes the error's body.</summary>
    public abstract void Write(Utf8JsonWriter json, DoorError error);
}

/// <summary>All dialects; whose path it is not is answered with problem details.</summary>
internal sealed class Dialects(IEnumerable<Dialect> dialects)
{
    private readonly Dialect[] _dialects = [.. dialects];
    private readonly ProblemDialect _problems = new();

    /// <summary>The dialect of a path, unless the request says that it speaks another: an endpoint then sets it as a feature.</summary>
    public Dialect Of(PathString path)
    {
        foreach (var dialect in _dialects)
        {
            if (dialect.Speaks(path))
            {
                return dialect;
            }
        }

        return _problems;
    }

    /// <summary>Answers with an error, in the shape of the request's path.</summary>
    public Task WriteAsync(HttpContext http, DoorError error)
    {
        var dialect = http.Features.Get<Dialect>() ?? Of(http.Request.Path);
        var response = http.Response;
        error = dialect.Adapt(error);
        response.StatusCode = error.Status;
        response.ContentType = dialect.ContentType;
        if (error.RetryAfter is { } after)
        {
            response.Headers.RetryAfter = JsonReply.WholeSeconds(after);
        }

        if (error.ShouldRetry is { } retry)
        {
            response.Headers["x-should-retry"] = retry ? "true" : "false";
        }

        if (error.TaskId is { } task)
        {
            response.Headers[TaskHeaders.Task] = task;
        }

        return JsonReply.WriteAsync(http, (dialect, error), static (json, it) => it.dialect.Write(json, it.error));
    }
}

/// <summary>RFC 9457, for our own doors and for paths that are nobody's.</summary>
internal sealed class ProblemDialect : Dialect
{
    /// <inheritdoc/>
    public override string ContentType => "application/problem+json";

    /// <inheritdoc/>
    public override bool Speaks(PathString path) => true;

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter json, DoorError error)
    {
        json.WriteStartObject();
        json.WriteString("type"u8, Problems.TypeOf(error.Code));
        json.WriteString("title"u8, Problems.TitleOf(error.Code));
        json.WriteString("detail"u8, error.Message);
        json.WriteNumber("status"u8, error.Status);
        if (error.Parameter is { } parameter)
        {
            json.WriteString("parameter"u8, parameter);
        }

        if (error.TaskId is { } task)
        {
            json.WriteString("task"u8, task);
        }

        json.WriteEndObject();
    }
}

/// <summary>The words of problem details.</summary>
internal static class Problems
{
    private const string Prefix = "urn:pollard:error:";

    /// <summary>The stable type of an error's code.</summary>
    public static string TypeOf(string code) => Prefix + code;

    /// <summary>What is wrong, in general: the code as words.</summary>
    public static string TitleOf(string code) => code.Replace('_', ' ');
}

/// <summary>The headers by which every answer tells of its task.</summary>
internal static class TaskHeaders
{
    /// <summary>The task's id.</summary>
    public const string Task = "Pollard-Task";

    /// <summary>When it is on disk: <c>full</c> or <c>relaxed</c>.</summary>
    public const string Durability = "Pollard-Durability";
}
