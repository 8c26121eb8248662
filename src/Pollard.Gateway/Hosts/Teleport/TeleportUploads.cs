using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Pollard.Gateway.Http;
using Pollard.Tasks;

namespace Pollard.Gateway.Hosts.Teleport;

/// <summary>
/// Addresses to which agents upload directly: each is a secret that was given to one agent, takes one upload, and is good for one
/// result of the same agent.
/// </summary>
internal sealed class TeleportUploads : IAsyncDisposable
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LookWithin = TimeSpan.FromSeconds(10);
    private readonly TeleportDirectory _directory;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Address> _addresses = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _turns = new(TeleportLimits.Uploads);
    private readonly ITimer _timer;

    public TeleportUploads(TeleportDirectory directory, TimeProvider time)
    {
        (_directory, _time) = (directory, time);
        directory.Clean();
        Loop = new BackgroundLoop("teleport_uploads", LookWithin, LookEvery, time);
        _timer = time.CreateTimer(static uploads => ((TeleportUploads)uploads!).Look(), this, LookEvery, LookEvery);
    }

    /// <summary>How the looking for uploads that nobody came for is.</summary>
    public BackgroundLoop Loop { get; }

    /// <summary>An address for an agent of this place; null when too many are given out.</summary>
    public string? NewAddress(string place)
    {
        var id = RandomNumberGenerator.GetHexString(64, lowercase: true);
        lock (_gate)
        {
            var own = _addresses.Values.Count(address => address.Place == place);
            if (own >= TeleportLimits.AddressesPerPlace || _addresses.Count >= TeleportLimits.Addresses)
            {
                return null;
            }

            _addresses.Add(id, new Address(place, _time.GetTimestamp()));
        }

        return id;
    }

    /// <summary>Takes what is uploaded to an address.</summary>
    /// <exception cref="RejectedException">The address is not good, or not any more; or nothing came.</exception>
    public async Task TakeAsync(HttpContext http, string id)
    {
        Address? address;
        lock (_gate)
        {
            if (!_addresses.TryGetValue(id, out address) || address.IsUsed)
            {
                throw new RejectedException(NotGood);
            }

            address.IsUsed = true;
        }

        TeleportFile? file = null;
        try
        {
            file = await ReceiveAsync(http, http.Request.Body);
            Require(file.Length > 0, new DoorError(400, "empty_upload", "the upload is empty"));
            lock (_gate)
            {
                Require(_addresses.ContainsKey(id), NotGood); // Its time may have ended meanwhile.
                (address.File, file) = (file, null);
            }
        }
        catch
        {
            address.IsUsed = false; // It may try again.
            throw;
        }
        finally
        {
            await (file?.DisposeAsync() ?? ValueTask.CompletedTask);
        }
    }

    /// <summary>What an agent of this place uploaded to an address, which is good for nothing from then on; null: nothing.</summary>
    public TeleportFile? Collect(string place, string id)
    {
        lock (_gate)
        {
            if (_addresses.TryGetValue(id, out var address) && address.Place == place && address.File is { } file)
            {
                _addresses.Remove(id);
                return file;
            }

            return null;
        }
    }

    /// <summary>Brings a body to disk, when it is its turn.</summary>
    /// <exception cref="RejectedException">It is too large, or has waited for too long.</exception>
    public async Task<TeleportFile> ReceiveAsync(HttpContext http, Stream body, long most = TeleportLimits.UploadBytes)
    {
        AllowLarge(http);
        Require(
            await _turns.WaitAsync(TeleportLimits.UploadWait, http.RequestAborted),
            new DoorError(503, "too_many_uploads", "too many uploads at the same time")
        );
        TeleportFile? file = null;
        try
        {
            file = _directory.NewUpload();
            var isWhole = await file.FillAsync(body, most, http.RequestAborted);
            Require(isWhole, new DoorError(413, "body_too_large", $"an upload has at most {most} bytes here"));
            var received = file;
            file = null;
            return received;
        }
        finally
        {
            _turns.Release();
            await (file?.DisposeAsync() ?? ValueTask.CompletedTask);
        }
    }

    /// <summary>Lets a request have a body as large as uploads are; before it is read.</summary>
    public static void AllowLarge(HttpContext http)
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = TeleportLimits.UploadBytes + TeleportLimits.ResultBytes;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _timer.DisposeAsync();
        foreach (var address in _addresses.Values)
        {
            await (address.File?.DisposeAsync() ?? ValueTask.CompletedTask);
        }

        _turns.Dispose();
    }

    private void Look()
    {
        Loop.Begin();
        List<TeleportFile> files = [];
        lock (_gate)
        {
            foreach (var (id, address) in _addresses)
            {
                if (_time.GetElapsedTime(address.GivenAt) > TeleportLimits.AddressLife)
                {
                    _addresses.Remove(id);
                    files.AddRange(address.File is { } file ? [file] : []);
                }
            }
        }

        foreach (var file in files)
        {
            file.Dispose();
        }

        Loop.End();
    }

    private static DoorError NotGood { get; } = new(403, "not_allowed", "this address takes no upload any more");

    private static void Require(bool holds, DoorError error)
    {
        if (!holds)
        {
            throw new RejectedException(error);
        }
    }

    private sealed class Address(string place, long givenAt)
    {
        public string Place => place;

        public long GivenAt => givenAt;

        public bool IsUsed { get; set; }

        public TeleportFile? File { get; set; }
    }
}
