using System.Collections.Concurrent;
using System.Text.Json;
using Pollard.Gateway.Answers;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Storage;

namespace Pollard.Gateway.Hosts;

/// <summary>
/// The hosts that were ever enrolled, in memory and in the store. What people decide (enrol, revoke, drain) is on disk before
/// it is answered; what hosts say of themselves is written soon after, see <see cref="SaveAsync"/>. Of guests, which have no key,
/// only those are in the store about which something was decided.
/// </summary>
internal sealed class HostRegistry(ITaskStore store, TimeProvider time)
{
    private const string Collection = "host";
    private const int SaveAtOnce = 500;
    private const int ForgetAtOnce = 100;
    private const int MostAbsent = 20;

    /// <summary>How long a revoked host is remembered, and shown as such.</summary>
    public static readonly TimeSpan KeepRevoked = TimeSpan.FromDays(30);
    private readonly ConcurrentDictionary<string, HostRecord> _hosts = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, string> _idsByKey = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _unsaved = new(StringComparer.Ordinal);

    // Held for a change and its place in the store's order, never while it is written: on a slow disk hosts share commits.
    private readonly Lock _changing = new();

    /// <summary>Reads what the store has; once, before the first request.</summary>
    public async Task LoadAsync(CancellationToken ct)
    {
        foreach (var record in await store.ReadRecordsAsync(Collection, ct))
        {
            if (JsonSerializer.Deserialize(record.Json.Span, HostsJson.Default.HostRecord) is { } host)
            {
                // No link is here yet. Whose link nobody saw end was there when the gateway ended.
                _hosts[host.Id] = host.Linked ? host with { Linked = false, SeenAt = time.GetUtcNow() } : host;
                if (host.Guest is null)
                {
                    _idsByKey[host.PublicKey] = host.Id;
                }

                if (host.Linked)
                {
                    _unsaved[host.Id] = true; // Or each restart would see it anew.
                }
            }
        }
    }

    /// <summary>All hosts, revoked ones too, by the time of their enrolment.</summary>
    public IReadOnlyList<HostRecord> List() => [.. _hosts.Values.OrderBy(host => host.EnrolledAt)];

    /// <summary>A host, also a revoked one, or null.</summary>
    public HostRecord? Find(string id) => _hosts.GetValueOrDefault(id);

    /// <summary>True when a host that was seen within this time, and may come back, had the model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="within">The time.</param>
    /// <param name="isAbsent">Only hosts that are not connected.</param>
    public bool HadModel(string model, TimeSpan within, bool isAbsent = false)
    {
        var since = time.GetUtcNow() - within;
        return _hosts.Values.Any(host =>
            !host.Revoked
            && (host.Linked ? !isAbsent : host.SeenAt >= since)
            && host.Models.Any(had => string.Equals(had.Name, model, StringComparison.Ordinal))
        );
    }

    /// <summary>The hosts that had the model when they were last here and are not connected, the one seen last first.</summary>
    public IReadOnlyList<AbsentHost> Absent(string model) =>
        [
            .. _hosts
                .Values.Where(host =>
                    host is { Revoked: false, Linked: false }
                    && host.Models.Any(had => had.Name == model || had.Name == model + ":latest")
                )
                .OrderByDescending(host => host.SeenAt)
                .Take(MostAbsent)
                .Select(host => new AbsentHost(host.Name, host.SeenAt)),
        ];

    /// <summary>Takes a host in. The same key again is the same host, under its new name and on the new terms.</summary>
    /// <returns>Null when a host with this key was revoked.</returns>
    public async Task<HostRecord?> EnrolAsync(string publicKey, string name, JoinTerms terms, CancellationToken ct)
    {
        HostRecord host;
        Task written;
        lock (_changing)
        {
            var known = _idsByKey.TryGetValue(publicKey, out var id) ? _hosts[id] : null;
            if (known is { Revoked: true })
            {
                return null;
            }

            host = known is null
                ? new HostRecord
                {
                    Id = $"host_{Guid.CreateVersion7(time.GetUtcNow()):N}",
                    Name = name,
                    PublicKey = publicKey,
                    EnrolledAt = time.GetUtcNow(),
                    Models = [],
                    Slots = 0,
                    Terms = terms,
                }
                : known with
                {
                    Name = name,
                    Terms = terms,
                };
            _hosts[host.Id] = host;
            _idsByKey[publicKey] = host.Id;
            written = PutAsync(host, ct);
        }

        await written; // When that fails nobody has heard of the host, and its next try finds it.
        return host;
    }

    /// <summary>
    /// Takes a host in that has no key, for as long as it is here. One about which something was decided, and which is not here, is
    /// the same when it has the same mark.
    /// </summary>
    public HostRecord Welcome(string id, string name, GuestMarks marks, JoinTerms terms)
    {
        var known = _hosts.Values.FirstOrDefault(host =>
            !host.Linked && marks.Self is not null && host.Guest?.Self == marks.Self
        );
        var now = time.GetUtcNow();
        if (known is not null)
        {
            var back = known with { Name = name, Guest = marks, Terms = terms, SeenAt = now, Linked = true };
            Remember(known, back);
            return back;
        }

        var guest = new HostRecord
        {
            Id = id,
            Name = name,
            PublicKey = "",
            Guest = marks,
            EnrolledAt = now,
            SeenAt = now,
            Linked = true,
            Models = [], // What it has is in the engine while it is here.
            Slots = 0,
            Terms = terms,
        };
        _hosts[id] = guest;
        return guest;
    }

    /// <summary>True when a guest with this mark was revoked.</summary>
    public bool IsShutOut(GuestMarks marks) =>
        marks.Self is not null && _hosts.Values.Any(host => host.Revoked && host.Guest?.Self == marks.Self);

    /// <summary>True when a guest that is quarantined has the address or the token of this one.</summary>
    public bool HasQuarantinedKin(GuestMarks marks) =>
        _hosts.Values.Any(host => host is { QuarantinedAt: not null, Guest: { } guest } && guest.AreKin(marks));

    /// <summary>Shuts a host out for good; again is no error. False when there is no such host.</summary>
    public Task<bool> RevokeAsync(string id, CancellationToken ct) =>
        ChangeAsync(id, host => host.Revoked ? host : host with { Revoked = true, RevokedAt = time.GetUtcNow() }, ct);

    /// <summary>
    /// Deletes some of the hosts that were revoked longer ago than <see cref="KeepRevoked"/>, and of the guests that were not here for
    /// so long. Their keys and marks are strangers' from then on: to come back, one needs what any stranger needs.
    /// </summary>
    public async Task ForgetRevokedAsync(CancellationToken ct)
    {
        var until = time.GetUtcNow() - KeepRevoked;
        foreach (var host in _hosts.Values.Where(host => IsOver(host, until)).Take(ForgetAtOnce))
        {
            Task deleted;
            lock (_changing)
            {
                _hosts.TryRemove(host.Id, out _);
                _idsByKey.TryRemove(new(host.PublicKey, host.Id));
                _unsaved.TryRemove(host.Id, out _);
                deleted = store.DeleteRecordAsync(Collection, host.Id, ct).AsTask();
            }

            await deleted;
        }
    }

    /// <summary>Remembers that a host is to get no work, over reconnects and restarts. False when there is no such host.</summary>
    public Task<bool> SetDrainingAsync(string id, bool draining, CancellationToken ct) =>
        ChangeAsync(id, host => host with { Draining = draining }, ct);

    /// <summary>Remembers that a host is quarantined, or no more. False when there is no such host.</summary>
    public Task<bool> SetQuarantinedAsync(string id, bool quarantined, CancellationToken ct) =>
        ChangeAsync(id, host => host with { QuarantinedAt = quarantined ? time.GetUtcNow() : null }, ct);

    /// <summary>A host said what it is and has.</summary>
    public void Describe(string id, Messages.Hello hello)
    {
        if (_hosts.TryGetValue(id, out var host))
        {
            var described = host with
            {
                Name = hello.Name ?? host.Name,
                Models = hello.Models,
                Slots = hello.Slots,
                Role = hello.Role,
                Agent = hello.Agent,
                SeenAt = time.GetUtcNow(),
                Linked = true,
            };
            Remember(host, described);
        }
    }

    /// <summary>A host said what it has now.</summary>
    public void HasModels(string id, IReadOnlyList<ModelInfo> models)
    {
        if (_hosts.TryGetValue(id, out var host))
        {
            Remember(host, host with { Models = models, SeenAt = time.GetUtcNow() });
        }
    }

    /// <summary>A host's link ended.</summary>
    public void Left(string id)
    {
        if (!_hosts.TryGetValue(id, out var host))
        {
            return;
        }

        var gone = host with { SeenAt = time.GetUtcNow(), Linked = false };
        if (!host.IsPassing)
        {
            Remember(host, gone);
        }
        else if (!_hosts.TryRemove(new(id, host)))
        {
            Left(id); // Something was decided about it in this moment.
        }
    }

    /// <summary>Writes some of what hosts said of themselves and is not on disk yet.</summary>
    public Task SaveAsync(CancellationToken ct) =>
        Task.WhenAll(_unsaved.Keys.Take(SaveAtOnce).Select(id => SaveOneAsync(id, ct)));

    private async Task SaveOneAsync(string id, CancellationToken ct)
    {
        _unsaved.TryRemove(id, out _);
        try
        {
            await ChangeAsync(id, static host => host, ct);
        }
        catch
        {
            _unsaved[id] = true;
            throw;
        }
    }

    private static bool IsOver(HostRecord host, DateTimeOffset until) =>
        (host.Revoked && (host.RevokedAt ?? host.SeenAt ?? host.EnrolledAt) <= until)
        || (host is { Guest: not null, Linked: false } && (host.SeenAt ?? host.EnrolledAt) <= until);

    private void Remember(HostRecord before, HostRecord after)
    {
        // When somebody changed it in between (revoked it, perhaps), that stands; the host says its part again next time.
        if (_hosts.TryUpdate(before.Id, after, before))
        {
            _unsaved[before.Id] = true;
        }
    }

    private async Task<bool> ChangeAsync(string id, Func<HostRecord, HostRecord> change, CancellationToken ct)
    {
        Task? written = null;
        lock (_changing)
        {
            while (written is null && _hosts.TryGetValue(id, out var host))
            {
                var changed = change(host);
                if (ReferenceEquals(changed, host) || _hosts.TryUpdate(id, changed, host))
                {
                    written = PutAsync(changed, ct);
                }
            }
        }

        await (written ?? Task.CompletedTask);
        return written is not null;
    }

    // The caller holds the lock: the store takes what it is given in order.
    private Task PutAsync(HostRecord host, CancellationToken ct)
    {
        if (!host.IsPassing)
        {
            var json = JsonSerializer.SerializeToUtf8Bytes(host, HostsJson.Default.HostRecord);
            return store.PutRecordAsync(Collection, host.Id, json, ct).AsTask();
        }

        if (!host.Linked)
        {
            _hosts.TryRemove(new(host.Id, host));
        }

        return store.DeleteRecordAsync(Collection, host.Id, ct).AsTask(); // What was decided about it was taken back.
    }
}
