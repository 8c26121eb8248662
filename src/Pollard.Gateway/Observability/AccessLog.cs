using System.Buffers;
using System.Globalization;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Pollard.Gateway.Http;
using Pollard.Tasks;

namespace Pollard.Gateway.Observability;

/// <summary>
/// Writes a line of JSON for each request that has ended: who asked for what, and how it went; its shape is documented in
/// docs/reference/access-log.md. No request waits for it: when the disk is too slow, lines are left out, and a line says how many.
/// </summary>
internal sealed partial class AccessLog(string path, TimeProvider time, ILogger<AccessLog> logger) : BackgroundService
{
    /// <summary>The path that stands for standard output.</summary>
    public const string StandardOutput = "-";

    private const int MostLines = 10_000;
    private const int MostCharacters = 500;
    private static readonly TimeSpan WriteWithin = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ComplainEvery = TimeSpan.FromMinutes(1);
    private readonly Channel<byte[]> _lines = Channel.CreateBounded<byte[]>(
        new BoundedChannelOptions(MostLines) { SingleReader = true }
    );

    private long _leftOut;
    private long _complainedAt = long.MinValue;

    /// <summary>How the writing is.</summary>
    public BackgroundLoop Loop { get; } = new("access_log", WriteWithin, interval: null, time);

    /// <summary>Adds it to a gateway's parts.</summary>
    public static void Add(IServiceCollection services, string path) =>
        services
            .AddSingleton(provider => new AccessLog(
                path,
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<AccessLog>>()
            ))
            .AddSingleton(static provider => provider.GetRequiredService<AccessLog>().Loop)
            .AddHostedService(static provider => provider.GetRequiredService<AccessLog>());

    /// <summary>Runs a request, and notes it when it has ended.</summary>
    public async Task InvokeAsync(HttpContext http, RequestDelegate next)
    {
        var began = time.GetTimestamp();
        try
        {
            await next(http);
        }
        finally
        {
            if (!_lines.Writer.TryWrite(LineOf(http, time.GetElapsedTime(began))))
            {
                Interlocked.Increment(ref _leftOut);
            }
        }
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _lines.Writer.TryComplete(); // What is in it is still written.
        if (ExecuteTask is { } writing)
        {
            await writing.WaitAsync(cancellationToken);
        }

        await base.StopAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await using var output = Open();
        while (await _lines.Reader.WaitToReadAsync(CancellationToken.None)) // Ends with StopAsync, after the last line.
        {
            Loop.Begin();
            await WriteAsync(output);
            Loop.End();
        }
    }

    private Stream Open() =>
        path == StandardOutput
            ? Console.OpenStandardOutput()
            : new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);

    private async Task WriteAsync(Stream output)
    {
        using var limit = new CancellationTokenSource(WriteWithin, time);
        try
        {
            while (_lines.Reader.TryRead(out var line))
            {
                await output.WriteAsync(line, limit.Token);
            }

            if (Interlocked.Exchange(ref _leftOut, 0) is > 0 and var count)
            {
                var text = string.Create(
                    CultureInfo.InvariantCulture,
                    $$"""{"time":"{{Moment()}}","left_out":{{count}}}{{'\n'}}"""
                );
                await output.WriteAsync(System.Text.Encoding.UTF8.GetBytes(text), limit.Token);
            }

            await output.FlushAsync(limit.Token);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            Interlocked.Increment(ref _leftOut);
            if (_complainedAt == long.MinValue || time.GetElapsedTime(_complainedAt) >= ComplainEvery)
            {
                _complainedAt = time.GetTimestamp();
                LogNotWritten(logger, e, path);
            }
        }
    }

    private byte[] LineOf(HttpContext http, TimeSpan took)
    {
        var line = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(line, JsonReply.WriterOptions))
        {
            var (request, response) = (http.Request, http.Response);
            json.WriteStartObject();
            json.WriteString("time"u8, Moment());
            json.WriteString("trace"u8, http.TraceIdentifier);
            json.WriteString("method"u8, PlainText.Of(request.Method, MostCharacters));
            json.WriteString("path"u8, PlainText.Of(request.Path.Value ?? "", MostCharacters)); // No query: a token may stand in it.
            json.WriteNumber("status"u8, response.StatusCode);
            json.WriteNumber("seconds"u8, Math.Round(took.TotalSeconds, 6));
            json.WriteBoolean("left"u8, http.RequestAborted.IsCancellationRequested);
            Write(json, "address", http.Connection.RemoteIpAddress?.ToString());
            Write(json, "key", http.FindCaller()?.Owner);
            Write(json, "agent", request.Headers.UserAgent);
            Write(json, "task", response.Headers[TaskHeaders.Task]);
            Write(json, "request_bytes", request.ContentLength);
            Write(json, "response_bytes", response.ContentLength);
            json.WriteEndObject();
        }

        line.Write("\n"u8);
        return line.WrittenSpan.ToArray();
    }

    private string Moment() =>
        time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    private static void Write(Utf8JsonWriter json, string name, string? text)
    {
        if (!string.IsNullOrEmpty(text))
        {
            json.WriteString(name, PlainText.Of(text, MostCharacters));
        }
    }

    private static void Write(Utf8JsonWriter json, string name, long? bytes)
    {
        if (bytes is { } count)
        {
            json.WriteNumber(name, count);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The access log {Path} cannot be written; lines are left out")]
    private static partial void LogNotWritten(ILogger logger, Exception exception, string path);
}
