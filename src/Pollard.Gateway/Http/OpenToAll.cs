namespace Pollard.Gateway.Http;

/// <summary>Marks an endpoint that answers without a key.</summary>
internal sealed class OpenToAll
{
    /// <summary>The mark.</summary>
    public static readonly OpenToAll Mark = new();
}
