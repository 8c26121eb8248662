namespace Pollard.Voice.Links;

/// <summary>How the connections of a link come about: this side calls, or is called.</summary>
internal interface ILinkOpening
{
    /// <summary>True: connections come by themselves, and there may be several at a time; false: one is opened when the one before is gone.</summary>
    bool IsCalled { get; }

    /// <summary>The next connection, with all said on it that is to be said first; null: there will be none.</summary>
    Task<LinkConnection?> OpenAsync(CancellationToken ct);
}
