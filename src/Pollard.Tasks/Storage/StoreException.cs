namespace Pollard.Tasks.Storage;

/// <summary>What is wrong with a store, in general.</summary>
public enum StoreFault
{
    /// <summary>It cannot be opened as it is.</summary>
    CannotOpen,

    /// <summary>Its disk is full, or nearly: no new tasks.</summary>
    DiskFull,

    /// <summary>It takes no writes.</summary>
    ReadOnly,

    /// <summary>What it holds is not what was written.</summary>
    Damaged,

    /// <summary>It took too long.</summary>
    Slow,

    /// <summary>It cannot be read, or is closed.</summary>
    Unavailable,
}

/// <summary>The store cannot do what was asked. The message tells its operator why and what to do; it may name files, so clients get words of their own.</summary>
public sealed class StoreException : Exception
{
    /// <summary>Says what is wrong.</summary>
    public StoreException(StoreFault fault, string message)
        : base(message) => Fault = fault;

    /// <summary>Says what is wrong, and by which error it was noticed.</summary>
    public StoreException(StoreFault fault, string message, Exception innerException)
        : base(message, innerException) => Fault = fault;

    /// <summary>What is wrong, in general.</summary>
    public StoreFault Fault { get; }
}
