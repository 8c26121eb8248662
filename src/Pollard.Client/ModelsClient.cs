namespace Pollard.Client;

/// <summary>What can be asked for.</summary>
public sealed class ModelsClient
{
    private readonly GatewayHttp _gateway;

    internal ModelsClient(GatewayHttp gateway) => _gateway = gateway;

    /// <summary>The models that hosts serve now.</summary>
    public async Task<IReadOnlyList<ServedModel>> ListAsync(CancellationToken cancellationToken = default)
    {
        var request = GatewayCall.Get("v1/models");
        var reply = await _gateway
            .CallAsync(request, ClientJson.Default.ModelList, cancellationToken)
            .ConfigureAwait(false);
        return reply.Data;
    }
}

/// <summary>A model that can be asked for.</summary>
public sealed record ServedModel
{
    /// <summary>Its name.</summary>
    public required string Id { get; init; }

    /// <summary>When it was made or pulled, in seconds since 1970; 0 when nobody knows.</summary>
    public long? Created { get; init; }

    /// <summary>Who serves it.</summary>
    public string? OwnedBy { get; init; }
}

internal sealed record ModelList
{
    public required IReadOnlyList<ServedModel> Data { get; init; }
}
