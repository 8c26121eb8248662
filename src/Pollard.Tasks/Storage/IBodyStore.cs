using System.Buffers;

namespace Pollard.Tasks.Storage;

/// <summary>
/// Where bodies of answers lie that are too large for the log of their task: one for each task, deleted with it. What is written
/// survives a crash once it was flushed.
/// </summary>
public interface IBodyStore
{
    /// <summary>Begins a task's body; the one that it had is gone, for whoever still writes to it too.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    IBodyWriter Create(TaskId task);

    /// <summary>Goes on with a body after a crash.</summary>
    /// <param name="task">Whose it is.</param>
    /// <param name="length">Bytes that the log knows of; what was written beyond them is cut off.</param>
    /// <exception cref="IOException">It is not there as far as that.</exception>
    IBodyWriter Continue(TaskId task, long length);

    /// <summary>Reads a body from its beginning; null when it is not there.</summary>
    Stream? Read(TaskId task);

    /// <summary>Deletes a body if it is there.</summary>
    void Delete(TaskId task);

    /// <summary>The bodies that there are, with their bytes.</summary>
    IEnumerable<(TaskId Task, long Bytes)> List();
}

/// <summary>Writes one body. One thread at a time may use it, but for <see cref="FlushAsync"/>.</summary>
public interface IBodyWriter : IDisposable
{
    /// <summary>Bytes so far.</summary>
    long Length { get; }

    /// <summary>Adds bytes.</summary>
    /// <exception cref="IOException">They could not be written.</exception>
    void Write(in ReadOnlySequence<byte> data);

    /// <summary>Brings to disk what was written before this was called.</summary>
    /// <exception cref="IOException">It could not be brought there.</exception>
    Task FlushAsync();

    /// <summary>Gives the body up: its bytes are gone, and nothing can be written any more.</summary>
    void Abandon();

    /// <summary>The SHA-256 of all bytes so far.</summary>
    byte[] Checksum();
}
