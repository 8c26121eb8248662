namespace Pollard.Tasks.Dispatch;

/// <summary>What the engine says to a host. Unless a member says otherwise, called outside the engine's lock, possibly on a thread that reads another host's link: never blocks, never throws.</summary>
public interface IHostSink
{
    /// <summary>Run this.</summary>
    void Offer(Attempt attempt);

    /// <summary>Stop this and say when its slot is free.</summary>
    void Cancel(Attempt attempt, string reason);

    /// <summary>This is no longer yours: stop it and send nothing more of it.</summary>
    void Fenced(Attempt attempt);

    /// <summary>Output below <paramref name="nextSeq"/> is kept.</summary>
    void Acknowledge(Attempt attempt, int nextSeq);

    /// <summary>So many more bytes of output may be sent.</summary>
    void Credit(Attempt attempt, int bytes);

    /// <summary>How long ago the offer of this attempt left for the host; null while it waits. Called under the engine's lock: takes none.</summary>
    TimeSpan? SinceOfferLeft(Attempt attempt);

    /// <summary>The host was silent too long, was replaced by a newer session, or was revoked: close the link.</summary>
    void Close(string code, string reason);
}

/// <summary>Whether a host does ordinary work or stands in when no other can.</summary>
public enum HostRole : byte
{
    /// <summary>Gets work whenever it can do it.</summary>
    Worker = 0,

    /// <summary>Gets work only when no worker can do it.</summary>
    Fallback = 1,
}
