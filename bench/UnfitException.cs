namespace Pollard.Bench;

/// <summary>This machine, or this user, cannot do what is asked.</summary>
internal sealed class UnfitException(string message) : Exception(message);
