using System.Text.Json;

namespace Pollard.Gateway.Hosts.Andy;

/// <summary>What a host says of itself when it joins, read from whichever shape its generation has.</summary>
internal sealed record AndyProfile
{
    /// <summary>What people call it.</summary>
    public required string Name { get; init; }

    /// <summary>False where the name is ours, for want of one.</summary>
    public required bool IsNamed { get; init; }

    /// <summary>Its models.</summary>
    public required IReadOnlyList<AndyModel> Models { get; init; }

    /// <summary>What it can do, whichever model.</summary>
    public required IReadOnlyCollection<string> Abilities { get; init; }

    /// <summary>Work that it may have at the same time.</summary>
    public required int Slots { get; init; }

    /// <summary>One of the oldest, which do one thing after the other.</summary>
    public required bool IsSerial { get; init; }

    /// <summary>True for the two generations that also list their models as a piece of work.</summary>
    public required bool ListsModels { get; init; }

    /// <summary>The id that it chose itself; good for nothing but to find it again at its own address.</summary>
    public string? ChosenId { get; init; }

    /// <summary>Reads the body of a join: flat, in <c>info</c>, or in <c>info</c> with an id beside it.</summary>
    public static AndyProfile Read(JsonElement body)
    {
        var wrapped = body.Object("info");
        var info = wrapped ?? body;
        string[] abilities =
        [
            .. info.Items("capabilities")
                .Where(static item => item.ValueKind == JsonValueKind.String)
                .Select(static item => item.GetRawText().Trim('"'))
                .Take(LooseJson.WordCharacters),
        ];
        var models = AndyModels.Read(info, abilities) ?? [];
        var isWeb = wrapped is not null && info.Member("client_uuid") is not null;
        var isTool =
            wrapped is not null && !isWeb && info.Word("name") is not null && info.Member("max_clients") is null;
        var hasObjects = info.Items("models").Any(static item => item.ValueKind == JsonValueKind.Object);
        var name = info.Word("name") ?? info.Word("client_name");
        return new AndyProfile
        {
            Name = name ?? "host",
            IsNamed = name is not null,
            Models = models,
            Abilities = abilities,
            IsSerial = !isWeb && !(isTool && hasObjects),
            Slots =
                isWeb ? WebSlots(info, models)
                : isTool && hasObjects ? AndyLimits.SlotsPerModel
                : 1,
            ListsModels = isTool,
            ChosenId = body.Word("host_id"),
        };
    }

    private static int WebSlots(JsonElement info, IReadOnlyList<AndyModel> models)
    {
        var said = models.Where(static model => model.Slots is not null).ToList();
        var slots = said.Count > 0 ? said.Sum(static model => (long)model.Slots!.Value) : info.Number("max_clients");
        return (int)Math.Clamp(slots ?? AndyLimits.SlotsPerModel, 1, AndyLimits.Slots);
    }
}
