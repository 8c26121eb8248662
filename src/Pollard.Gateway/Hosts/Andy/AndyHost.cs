using System.Security.Cryptography;
using System.Text;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Hosts.Andy;

/// <summary>
/// A host that asks for work by polling. Only while one of its polls is held has it a free slot in the engine, so that an offer is
/// taken in the same moment, and what a host does not ask for goes to another.
/// </summary>
internal sealed partial class AndyHost : IHostSink
{
    /// <summary>Every host that no enrolment vouches for bears this label.</summary>
    public const string Label = "community";

    private const string Prefix = "andy_";

    private readonly HostPool _pool;
    private readonly HostGuests _guests;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, AndyWork> _work = new(StringComparer.Ordinal);
    private readonly Dictionary<string, AndyModel> _known = new(StringComparer.Ordinal);
    private IReadOnlyList<ModelInfo> _models = [];
    private TaskCompletionSource<AndyWork?>? _poll;
    private DispatchHost? _link;
    private bool _isLinking;
    private bool _isGone;
    private bool _isWithdrawn;
    private int _slots;
    private bool _isTelling;
    private bool _mayBeSerial;
    private bool _isThreaded;
    private string? _takenBack;
    private long _heard;
    private long _asked;

    public AndyHost(
        HostPool pool,
        HostGuests guests,
        TimeProvider time,
        string publicId,
        string address,
        AndyProfile profile
    )
    {
        (_pool, _guests, _time, PublicId, Address, Profile) = (pool, guests, time, publicId, address, profile);
        _heard = _asked = time.GetTimestamp();
        Id = RandomNumberGenerator.GetHexString(32, lowercase: true);
        Remember(profile.Models);
    }

    /// <summary>What the host calls itself by: 128 random bits that only it and its address are told.</summary>
    public string Id { get; }

    /// <summary>What everybody else knows it by: does not lead to <see cref="Id"/>.</summary>
    public string PublicId { get; }

    /// <summary>Where it calls from; nobody from elsewhere can speak for it.</summary>
    public string Address { get; }

    /// <summary>What it said of itself.</summary>
    public AndyProfile Profile { get; private set; }

    /// <summary>Its models now.</summary>
    public IReadOnlyList<ModelInfo> Models
    {
        get
        {
            lock (_gate)
            {
                return _isWithdrawn ? [] : _models;
            }
        }
    }

    /// <summary>What it works on.</summary>
    public int Running
    {
        get
        {
            lock (_gate)
            {
                return _work.Count;
            }
        }
    }

    /// <summary>What it says of a model; null when it has none of this name.</summary>
    public ModelInfo? ModelOf(string name)
    {
        lock (_gate)
        {
            return _known.GetValueOrDefault(name)?.Info;
        }
    }

    /// <summary>How long nothing was heard of it.</summary>
    public TimeSpan Silent => _time.GetElapsedTime(Volatile.Read(ref _heard));

    /// <summary>An id for everybody to know a host by, which was nobody's before.</summary>
    public static string NewPublicId() => Prefix + RandomNumberGenerator.GetHexString(32, lowercase: true);

    /// <summary>The id for everybody of a host whose own id lasts.</summary>
    public static string PublicIdOf(string id) => Prefix + AliasOf(id);

    /// <summary>A name that does not lead back to an id of 128 random bits, and is always the same.</summary>
    public static string AliasOf(string id) =>
        Convert.ToHexStringLower(
            HMACSHA256.HashData(Encoding.UTF8.GetBytes(id), "the alias of a host"u8).AsSpan(0, 16)
        );

    /// <summary>Something was heard of it.</summary>
    public void Touch()
    {
        Volatile.Write(ref _heard, _time.GetTimestamp());
        Link();
        _link?.Touch();
    }

    /// <summary>The host asks for work: answers when there is some, or when the time is over with null. A newer poll ends an older one.</summary>
    public async Task<AndyWork?> TakeAsync(TimeSpan hold, CancellationToken ct)
    {
        var poll = new TaskCompletionSource<AndyWork?>(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource<AndyWork?>? older;
        lock (_gate)
        {
            (older, _poll) = (_poll, poll);
            _asked = _time.GetTimestamp();
        }

        older?.TrySetResult(null);
        NoteAsking();
        ShowAgain();
        Touch();
        Inform();
        try
        {
            return await poll.Task.WaitAsync(hold, _time, ct);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            var isMine = poll.TrySetResult(null);
            lock (_gate)
            {
                _poll = ReferenceEquals(_poll, poll) ? null : _poll;
            }

            Inform();
            return isMine ? null : await poll.Task; // It came in the last moment.
        }
    }

    /// <summary>The work with this id, which the host has no more from here on; null when it has none such.</summary>
    public AndyWork? Return(string workId)
    {
        AndyWork? work;
        lock (_gate)
        {
            _isThreaded |= workId == _takenBack;
            if (!_work.Remove(workId, out work))
            {
                return null;
            }

            _isThreaded |= work.WasAskedAlongside;
            _mayBeSerial |= !work.WasAskedAlongside;
        }

        return work;
    }

    /// <summary>The host does not do the work, as is known without asking it.</summary>
    public void Object(AndyWork work, Messages.Fail why)
    {
        Return(work.Id);
        work.Attempt.Fail(work.Attempt.NextSeq, why);
        work.Attempt.Free();
    }

    /// <summary>The work goes to another host at once, and the try does not count.</summary>
    public void TakeBack(AndyWork work, string why)
    {
        lock (_gate)
        {
            if (!_work.Remove(work.Id))
            {
                return;
            }
        }

        work.Attempt.Refuse("busy", why);
        Inform();
    }

    /// <summary>Tells the engine how many slots the host has at this moment.</summary>
    public void Inform()
    {
        while (true)
        {
            int slots;
            lock (_gate)
            {
                var open = _work.Values.Count(static work => !work.IsOver);
                var asks = _poll is { Task.IsCompleted: false } && _work.Count < Profile.Slots;
                slots = open + (asks ? 1 : 0);
                if (_isTelling || slots == _slots || _link is null)
                {
                    return; // Whoever tells looks again.
                }

                (_slots, _isTelling) = (slots, true);
            }

            _link?.SetSlots(slots); // Outside the lock: it may bring an offer at once.
            lock (_gate)
            {
                _isTelling = false;
            }
        }
    }

    /// <summary>It has left, or was shut out.</summary>
    public bool IsGone => Volatile.Read(ref _isGone);

    /// <summary>Looks after the host; false when it is to be forgotten: it is gone, or has been silent for too long.</summary>
    public bool Tick()
    {
        if (IsGone || Silent > AndyLimits.Idle)
        {
            return false;
        }

        var isUnasked = false;
        lock (_gate)
        {
            foreach (var work in _work.Values.Where(work => work.IsOver && IsLate(work)).ToList())
            {
                _work.Remove(work.Id);
            }

            if (!_isWithdrawn && _work.Count == 0 && _time.GetElapsedTime(_asked) > AndyLimits.Unasked)
            {
                isUnasked = _isWithdrawn = _poll is null;
            }
        }

        if (isUnasked)
        {
            _link?.SetModels([]); // What nobody asks for would wait here in vain.
        }

        Inform();
        return true;
    }

    /// <summary>It goes. What it has goes to others at once.</summary>
    public void Leave()
    {
        TaskCompletionSource<AndyWork?>? poll;
        lock (_gate)
        {
            _isGone = true;
            (poll, _poll) = (_poll, null);
            _work.Clear();
        }

        poll?.TrySetResult(null);
        _pool.Evict(PublicId, "left", "the host has left");
        _guests.Left(PublicId);
    }

    /// <summary>
    /// A host that does one thing after the other and asks for more has lost what it had. Whether it is such a host shows: none
    /// that asked while it worked, and brought that work back, is.
    /// </summary>
    private void NoteAsking()
    {
        List<AndyWork> lost = [];
        lock (_gate)
        {
            foreach (var work in _work.Values)
            {
                work.WasAskedAlongside = true;
            }

            if (Profile.IsSerial && _mayBeSerial && !_isThreaded)
            {
                lost = [.. _work.Values];
                _takenBack = lost.FirstOrDefault()?.Id ?? _takenBack;
            }
        }

        foreach (var work in lost)
        {
            Object(
                work,
                new Messages.Fail
                {
                    Code = "host_lost",
                    Message = "the host asks for more and has lost what it had",
                    Retryable = true,
                }
            );
        }
    }

    private AndyWork? Find(Attempt attempt) =>
        _work.Values.FirstOrDefault(work => ReferenceEquals(work.Attempt, attempt));

    private bool IsLate(AndyWork work) => _time.GetElapsedTime(work.GivenAt) > AndyLimits.Answer;
}
