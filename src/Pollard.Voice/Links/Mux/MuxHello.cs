using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Pollard.Voice.Wyoming;

namespace Pollard.Voice.Links.Mux;

/// <summary>Which of a neighbour's two connections it is: what is short and urgent never waits behind sound.</summary>
internal enum MuxLane
{
    /// <summary>Text, starts and ends of calls, what is to be thrown away.</summary>
    Control,

    /// <summary>Sound.</summary>
    Media,
}

/// <summary>Who has called.</summary>
/// <param name="Node">The process.</param>
/// <param name="Role">What it is in a call.</param>
/// <param name="Lane">Which of its connections it is.</param>
internal readonly record struct MuxPeer(string Node, string Role, MuxLane Lane);

/// <summary>
/// What our own services say first: who they are, and, where there is a secret, that both know it. The secret itself is never said, and what
/// is said is of no use on another connection.
/// </summary>
/// <param name="node">This process, by a name that no other has.</param>
/// <param name="role">What it is in a call: <c>inbound</c>, <c>stt</c>.</param>
/// <param name="secret">What both sides know; null: anybody who may connect is believed.</param>
internal sealed class MuxHello(string node, string role, string? secret)
{
    private const string Type = "x-hello";
    private const string ProofType = "x-proof";
    private const string WelcomeType = "x-welcome";
    private const string ErrorType = "error";
    private const string NoSecret = "the secrets of the two services are not the same";
    private const int NonceCharacters = 32;
    private const int MostNameCharacters = 100;

    /// <summary>Says it, as the side that calls.</summary>
    /// <exception cref="FrameException">The other side is none of ours, or does not know the secret.</exception>
    public async Task SayAsync(LinkConnection connection, MuxLane lane, CancellationToken ct)
    {
        var nonce = RandomNumberGenerator.GetHexString(NonceCharacters);
        await WriteAsync(
            connection,
            Type,
            [("node", node), ("role", role), ("lane", lane.ToString()), ("nonce", nonce)],
            ct
        );
        var said = await ReadAsync(connection, Type, ct);
        var theirs = said.Text("nonce"u8) ?? "";
        if (secret is not null && !IsProof(said, "called", nonce, theirs))
        {
            throw new FrameException(NoSecret);
        }

        var proof = secret is null ? "" : Proof("caller", nonce, theirs);
        await WriteAsync(connection, ProofType, [("proof", proof)], ct);
        connection.PeerName = said.Text("node"u8);
        await ReadAsync(connection, WelcomeType, ct); // Until then it may end the connection, and nothing is said on it.
    }

    /// <summary>Hears it, as the side that is called, and answers.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="isWanted">Whether who has this role is taken here.</param>
    /// <param name="ct">Ends it.</param>
    /// <exception cref="FrameException">The other side is none of ours, or does not know the secret, or is not wanted; it is told so.</exception>
    public async Task<MuxPeer> HearAsync(LinkConnection connection, Func<string, bool> isWanted, CancellationToken ct)
    {
        var said = await ReadAsync(connection, Type, ct);
        var theirs = said.Text("nonce"u8) ?? "";
        if (
            said.Text("node"u8) is not { Length: > 0 and <= MostNameCharacters } other
            || said.Text("role"u8) is not { Length: > 0 and <= MostNameCharacters } theirRole
            || !Enum.TryParse<MuxLane>(said.Text("lane"u8), out var lane)
            || !Enum.IsDefined(lane)
        )
        {
            throw await RefusedAsync(connection, "it does not say who it is and what for", ct);
        }

        var nonce = RandomNumberGenerator.GetHexString(NonceCharacters);
        var proof = secret is null ? "" : Proof("called", theirs, nonce);
        await WriteAsync(connection, Type, [("node", node), ("role", role), ("nonce", nonce), ("proof", proof)], ct);
        var proven = await ReadAsync(connection, ProofType, ct);
        if (secret is not null && !IsProof(proven, "caller", theirs, nonce))
        {
            throw await RefusedAsync(connection, NoSecret, ct);
        }

        if (!isWanted(theirRole))
        {
            throw await RefusedAsync(connection, $"{role} is not called by {theirRole}", ct);
        }

        connection.PeerName = other;
        await WriteAsync(connection, WelcomeType, [], ct);
        return new MuxPeer(other, theirRole, lane);
    }

    private static async Task<FrameException> RefusedAsync(LinkConnection connection, string why, CancellationToken ct)
    {
        await WriteAsync(connection, ErrorType, [("text", why)], ct);
        return new FrameException(why);
    }

    private bool IsProof(in WyomingEvent said, string role, string callers, string called) =>
        CryptographicOperations.FixedTimeEquals(
            Encoding.UTF8.GetBytes(said.Text("proof"u8) ?? ""),
            Encoding.UTF8.GetBytes(Proof(role, callers, called))
        );

    private string Proof(string role, string callers, string called) =>
        Convert.ToHexString(
            HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret!), Encoding.UTF8.GetBytes($"{role} {callers} {called}"))
        );

    private static async Task<WyomingEvent> ReadAsync(LinkConnection connection, string type, CancellationToken ct)
    {
        var said = await connection.ReadAsync<WyomingEvent>(WyomingEvent.TryRead, isBegun: true, ct);
        return said switch
        {
            { Type: ErrorType } error when error.Text("text"u8) is { } why => throw new FrameException(
                $"it says: {why}"
            ),
            { } heard when heard.Type == type => heard,
            _ => throw new FrameException($"it does not say {type}, as a voice service of ours would"),
        };
    }

    private static ValueTask WriteAsync(
        LinkConnection connection,
        string type,
        (string Name, string Value)[] members,
        CancellationToken ct
    )
    {
        var bytes = new ArrayBufferWriter<byte>();
        WyomingEvent.Write(
            bytes,
            type,
            json =>
            {
                foreach (var (name, value) in members)
                {
                    json.WriteString(name, value);
                }
            }
        );
        return connection.WriteAsync(bytes.WrittenMemory, ct);
    }
}
