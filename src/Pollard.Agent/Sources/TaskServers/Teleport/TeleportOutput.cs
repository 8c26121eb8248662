using System.Buffers;
using System.IO.Compression;
using System.Text.Json;
using Pollard.Agent.Backends.Ollama;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.TaskServers.Teleport;

/// <summary>
/// A tool's answer as these servers take it: a small one in JSON, a larger one as a file, which is packed unless it goes to an address
/// of its own. Only the beginning of a large one is ever in memory.
/// </summary>
/// <param name="path">Where the file belongs.</param>
/// <param name="isDirect">It goes to an address of its own.</param>
internal sealed class TeleportOutput(string path, bool isDirect) : ITaskOutput
{
    /// <summary>Bytes of a body that is sent in JSON.</summary>
    public const int MostInlineBytes = 512_000;

    private const long LeastFreeBytes = 256 * 1024 * 1024; // For the journal, whose disk it is.
    private const long LookEveryBytes = 32 * 1024 * 1024;
    private readonly ArrayBufferWriter<byte> _head = new();
    private readonly ArrayBufferWriter<byte> _start = new();
    private FileStream? _file;
    private Stream? _body;
    private long _sinceLook;

    /// <inheritdoc/>
    public Messages.Fail? Write(DeltaKind kind, ushort choice, ReadOnlySpan<byte> data)
    {
        switch (kind)
        {
            case DeltaKind.Head:
                _head.Write(data);
                return null;
            case DeltaKind.Body when _body is null && _start.WrittenCount + data.Length <= MostInlineBytes:
                _start.Write(data);
                return null;
            case DeltaKind.Body:
                return TryWrite(data);
            default:
                return null; // A tool writes nothing else.
        }
    }

    /// <inheritdoc/>
    public TaskOutcome Finish(Messages.Finish finish)
    {
        try
        {
            var head =
                _head.WrittenCount == 0
                    ? null
                    : JsonSerializer.Deserialize(_head.WrittenSpan, ProtocolJson.Default.HttpHead);
            if (head is null)
            {
                return Fail(Failure("the tool gave no status"));
            }

            CloseBody();
            var json = OllamaRequest.Write(json => Write(json, head));
            return new TaskOutcome(new TaskResult(json, Body: _file is null ? null : path), IsFailure: false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Fail(NoRoom(e));
        }
    }

    /// <inheritdoc/>
    public TaskOutcome Fail(Messages.Fail failure)
    {
        Dispose();
        DeleteFile();
        return new TaskOutcome(
            new TaskResult(
                OllamaRequest.Write(json =>
                {
                    json.WriteNumber("statusCode", 500);
                    json.WriteString("output", $"Agent Side Error: {failure.Message}");
                })
            ),
            IsFailure: true
        );
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            _body?.Dispose();
        }
        catch (IOException)
        {
            // What is left of it in memory has no room on the disk. Nobody wants it: it was not finished.
        }

        _file?.Dispose();
    }

    private void Write(Utf8JsonWriter json, HttpHead head)
    {
        json.WriteStartObject("responseHeaders");
        foreach (var lines in (head.Headers ?? []).GroupBy(static f => f.Name, StringComparer.OrdinalIgnoreCase))
        {
            json.WriteString(lines.Key, string.Join(", ", lines.Select(static line => line.Value)));
        }

        json.WriteEndObject();
        json.WriteNumber("statusCode", head.Status);
        if (_file is not null)
        {
            json.WriteBoolean("responseZipped", !isDirect);
        }
        else if (_start.WrittenCount > 0)
        {
            json.WriteBoolean("responseBase64", true);
            json.WriteBase64String("output", _start.WrittenSpan);
        }
    }

    private Messages.Fail? TryWrite(ReadOnlySpan<byte> data)
    {
        try
        {
            if (_body is null)
            {
                OpenBody();
                _body!.Write(_start.WrittenSpan);
                _start.ResetWrittenCount();
            }

            _sinceLook += data.Length;
            if (_sinceLook > LookEveryBytes && new DriveInfo(path).AvailableFreeSpace < LeastFreeBytes)
            {
                return NoRoom(new IOException("the disk is nearly full"));
            }

            _sinceLook = _sinceLook > LookEveryBytes ? 0 : _sinceLook;
            _body.Write(data);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return NoRoom(e);
        }
    }

    private void OpenBody()
    {
        _file = PrivateFile.Create(path, FileMode.Create);
        _body = isDirect ? _file : new GZipStream(_file, CompressionLevel.Fastest, leaveOpen: true);
    }

    private void CloseBody()
    {
        if (_file is null)
        {
            DeleteFile(); // Of a run that was cut off.
            return;
        }

        if (_body != _file)
        {
            _body!.Dispose(); // Writes its end.
        }

        _file.Flush(flushToDisk: true);
        _file.Dispose();
    }

    private void DeleteFile()
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is deleted with the task.
        }
    }

    private static Messages.Fail NoRoom(Exception why) =>
        Failure($"the agent could not keep the answer on its disk: {why.Message}");

    private static Messages.Fail Failure(string message) =>
        new()
        {
            Code = "agent_error",
            Message = message,
            Retryable = false,
        };
}
