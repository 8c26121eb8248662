namespace Pollard.Gateway.Http;

/// <summary>Marks an endpoint that strangers may use within limits where the owner lets them: as a key of their own address.</summary>
internal sealed class OpenToStrangers
{
    /// <summary>The mark.</summary>
    public static readonly OpenToStrangers Mark = new();
}
