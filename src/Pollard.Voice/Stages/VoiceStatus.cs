using System.Buffers;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Pollard.Voice.Legs.Sip;
using Pollard.Voice.Links;
using Pollard.Voice.Links.Mux;
using Pollard.Voice.Wyoming;

namespace Pollard.Voice.Stages;

/// <summary>A link as it is said to who asks.</summary>
/// <param name="Name">Which neighbours it connects, and for what.</param>
/// <param name="Call">Whose it is; null: it has many.</param>
/// <param name="State">How it is: <c>connecting</c>, <c>up</c>, <c>suspect</c>, <c>down</c> or <c>closed</c>.</param>
/// <param name="Peer">The other end; null: there is none.</param>
/// <param name="Since">When it came into its state.</param>
/// <param name="Reconnects">How often its connection was made anew.</param>
/// <param name="KeptBytes">What waits to be sent, or to be known to have arrived.</param>
internal sealed record LinkLine(
    string Name,
    string? Call,
    string State,
    string? Peer,
    DateTimeOffset Since,
    int Reconnects,
    int KeptBytes
)
{
    public static LinkLine Of(LinkStatus status) =>
        new(
            status.Name,
            status.Call.ToString() is var call && call == "*" ? null : call,
            status.State.ToString().ToLowerInvariant(),
            status.Peer,
            status.Since,
            status.Reconnects,
            status.KeptBytes
        );
}

/// <summary>A call that a service has.</summary>
/// <param name="Call">Its id.</param>
/// <param name="Since">Since when.</param>
/// <param name="Rejoined">How often a neighbour of it was started anew.</param>
internal sealed record CallLine(string Call, DateTimeOffset Since, int Rejoined)
{
    public static IReadOnlyList<CallLine> Of(CallReception reception) =>
        [.. reception.Look().Select(static one => new CallLine(one.Call.ToString(), one.Since, one.Rejoined))];
}

/// <summary>How the services of a process are.</summary>
/// <param name="Node">The process.</param>
/// <param name="Roles">What it is in a call.</param>
/// <param name="Since">When it was started.</param>
/// <param name="Calls">The calls that each of its services has.</param>
/// <param name="Links">Its links.</param>
/// <param name="Accounts">Users whose calls come here by SIP; null: it does not say.</param>
internal sealed record VoiceStatus(
    string Node,
    IReadOnlyList<string> Roles,
    DateTimeOffset Since,
    IReadOnlyDictionary<string, IReadOnlyList<CallLine>> Calls,
    IReadOnlyList<LinkLine> Links,
    IReadOnlyList<SipAccount>? Accounts
)
{
    private const string Type = "x-status";

    /// <summary>As it is sent: an event whose bytes are JSON.</summary>
    public ReadOnlyMemory<byte> ToBytes()
    {
        var status = this;
        var json = JsonSerializer.SerializeToUtf8Bytes(status, VoiceJson.Default.VoiceStatus);
        while (json.Length > WyomingEvent.MostPayloadBytes) // Thousands of calls: what is said is the beginning.
        {
            status = status with
            {
                Links = [.. status.Links.Take(status.Links.Count / 2)],
                Calls = status.Calls.ToDictionary(
                    static one => one.Key,
                    static one => (IReadOnlyList<CallLine>)[.. one.Value.Take(one.Value.Count / 2)],
                    StringComparer.Ordinal
                ),
            };
            json = JsonSerializer.SerializeToUtf8Bytes(status, VoiceJson.Default.VoiceStatus);
        }

        var bytes = new ArrayBufferWriter<byte>();
        WyomingEvent.Write(bytes, Type, data: null, json);
        return bytes.WrittenMemory;
    }

    /// <summary>Asks a service how it is.</summary>
    /// <param name="place">Where it is.</param>
    /// <param name="secret">What all services know; null: there is none.</param>
    /// <param name="time">The clock.</param>
    /// <param name="ct">Gives up.</param>
    /// <exception cref="FrameException">It is no service of ours, or does not let us in.</exception>
    /// <exception cref="SocketException">Nobody answers there.</exception>
    public static async Task<VoiceStatus> AskAsync(
        ServicePlace place,
        string? secret,
        TimeProvider time,
        CancellationToken ct
    )
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(place.Host, place.Port, ct);
        await using var connection = new LinkConnection(socket, time);
        var node = $"status-{RandomNumberGenerator.GetHexString(8, lowercase: true)}";
        await new MuxHello(node, MuxDoor.StatusRole, secret).SayAsync(connection, MuxLane.Control, ct);
        var said = await connection.ReadAsync<WyomingEvent>(WyomingEvent.TryRead, isBegun: true, ct);
        try
        {
            return said?.Type == Type
                ? JsonSerializer.Deserialize(said.Value.Payload.Span, VoiceJson.Default.VoiceStatus)!
                : throw new FrameException("it does not say how it is");
        }
        catch (JsonException)
        {
            throw new FrameException("what it says of itself is no JSON of ours");
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(VoiceStatus))]
internal sealed partial class VoiceJson : JsonSerializerContext;
