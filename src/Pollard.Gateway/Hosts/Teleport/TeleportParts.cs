using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;
using Pollard.Gateway.Http;

namespace Pollard.Gateway.Hosts.Teleport;

/// <summary>What a body with parts has: a file, and what is said of it, in either order.</summary>
internal sealed class TeleportParts : IAsyncDisposable
{
    private const int BoundaryCharacters = 200;

    /// <summary>The file; null: there was none.</summary>
    public TeleportFile? File { get; private set; }

    /// <summary>True when the file is said to be as the tool sent it, not packed.</summary>
    public bool IsPlain { get; private set; }

    /// <summary>What is said of it; null: nothing, or no JSON object.</summary>
    public JsonDocument? Task { get; private set; }

    /// <summary>Reads a body; what is no part of ours is passed over.</summary>
    /// <exception cref="RejectedException">It is no such body, ends too early, or is too large.</exception>
    public static async Task<TeleportParts> ReadAsync(HttpContext http, TeleportUploads uploads, long mostBytes)
    {
        TeleportUploads.AllowLarge(http);
        var parts = new TeleportParts();
        try
        {
            var reader = new MultipartReader(BoundaryOf(http.Request), http.Request.Body);
            var count = 0;
            while (await reader.ReadNextSectionAsync(http.RequestAborted) is { } section)
            {
                if (++count > TeleportLimits.Parts)
                {
                    throw Malformed();
                }

                await parts.TakeAsync(http, uploads, section, mostBytes);
            }

            return parts;
        }
        catch (Exception e) when (e is InvalidDataException || (e is IOException && IsBody(http, e)))
        {
            await parts.DisposeAsync();
            throw Malformed();
        }
        catch
        {
            await parts.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Task?.Dispose();
        return File?.DisposeAsync() ?? ValueTask.CompletedTask;
    }

    private async Task TakeAsync(HttpContext http, TeleportUploads uploads, MultipartSection section, long mostBytes)
    {
        if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out var disposition))
        {
            return;
        }

        switch (HeaderUtilities.RemoveQuotes(disposition.Name).Value)
        {
            case "file" when File is null:
                var name = HeaderUtilities.RemoveQuotes(disposition.FileName).Value;
                IsPlain = name?.EndsWith(".txt", StringComparison.OrdinalIgnoreCase) == true;
                File = await uploads.ReceiveAsync(http, section.Body, mostBytes);
                break;
            case "task" when Task is null:
                Task = LooseJson.Parse(await ReadAllAsync(section.Body, http.RequestAborted));
                break;
        }
    }

    private static async Task<byte[]> ReadAllAsync(Stream body, CancellationToken ct)
    {
        using var whole = new MemoryStream();
        var piece = new byte[16 * 1024];
        while (await body.ReadAsync(piece, ct) is var read and > 0)
        {
            if (whole.Length + read > TeleportLimits.ResultBytes)
            {
                throw new RejectedException(
                    new DoorError(
                        413,
                        "body_too_large",
                        $"a result has at most {TeleportLimits.ResultBytes} bytes here"
                    )
                );
            }

            await whole.WriteAsync(piece.AsMemory(0, read), ct);
        }

        return whole.ToArray();
    }

    private static string BoundaryOf(HttpRequest request) =>
        MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
        && type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
        && HeaderUtilities.RemoveQuotes(type.Boundary).Value is { Length: > 0 and <= BoundaryCharacters } boundary
            ? boundary
            : throw Malformed();

    // What Kestrel says of a body it says itself, and who has left hears nothing.
    private static bool IsBody(HttpContext http, Exception e) =>
        e is not BadHttpRequestException && e.InnerException is null && !http.RequestAborted.IsCancellationRequested;

    private static RejectedException Malformed() =>
        new(DoorError.BadRequest("the body is no multipart/form-data with the parts \"file\" and \"task\""));
}
