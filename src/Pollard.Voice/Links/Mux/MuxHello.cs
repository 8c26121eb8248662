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

/// <summary>
/// What our own services say first: who they are, and, where there is a secret, that both know it. The secret itself is never said, and what
/// is said is of no use on another connection.
/// </summary>
/// <param name="node">This process, by a name that no other has.</param>
/// <param name="secret">What both sides know; null: anybody who may connect is believed.</param>
internal sealed class MuxHello(string node, string? secret)
{
    private const string Type = "x-hello";
    private const string ProofType = "x-proof";
    private const string WelcomeType = "x-welcome";
    private const int NonceCharacters = 32;
    private const int MostNodeCharacters = 100;

    /// <summary>Says it, as the side that calls.</summary>
    /// <exception cref="FrameException">The other side is none of ours, or does not know the secret.</exception>
    public async Task SayAsync(LinkConnection connection, MuxLane lane, CancellationToken ct)
    {
        var nonce = RandomNumberGenerator.GetHexString(NonceCharacters);
        await WriteAsync(connection, Type, ("node", node), ("lane", lane.ToString()), ("nonce", nonce), ct);
        var said = await ReadAsync(connection, Type, ct);
        var theirs = said.Text("nonce"u8) ?? "";
        if (secret is not null && !IsProof(said, "called", nonce, theirs))
        {
            throw new FrameException("it does not know the secret of this pool");
        }

        var proof = secret is null ? "" : Proof("caller", nonce, theirs);
        await WriteAsync(connection, ProofType, ("proof", proof), default, default, ct);
        connection.PeerName = said.Text("node"u8);
        await ReadAsync(connection, WelcomeType, ct); // Until then it may end the connection, and nothing is said on it.
    }

    /// <summary>Hears it, as the side that is called, and answers.</summary>
    /// <exception cref="FrameException">The other side is none of ours, or does not know the secret.</exception>
    public async Task<(string Node, MuxLane Lane)> HearAsync(LinkConnection connection, CancellationToken ct)
    {
        var said = await ReadAsync(connection, Type, ct);
        var theirs = said.Text("nonce"u8) ?? "";
        if (
            said.Text("node"u8) is not { Length: > 0 and <= MostNodeCharacters } other
            || !Enum.TryParse<MuxLane>(said.Text("lane"u8), out var lane)
            || !Enum.IsDefined(lane)
        )
        {
            throw new FrameException("it does not say who it is and what for");
        }

        var nonce = RandomNumberGenerator.GetHexString(NonceCharacters);
        var proof = secret is null ? "" : Proof("called", theirs, nonce);
        await WriteAsync(connection, Type, ("node", node), ("nonce", nonce), ("proof", proof), ct);
        var proven = await ReadAsync(connection, ProofType, ct);
        if (secret is not null && !IsProof(proven, "caller", theirs, nonce))
        {
            throw new FrameException("it does not know the secret of this pool");
        }

        connection.PeerName = other;
        await WriteAsync(connection, WelcomeType, default, default, default, ct);
        return (other, lane);
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
        return said?.Type == type ? said.Value : throw new FrameException($"it does not begin with {type}");
    }

    private static ValueTask WriteAsync(
        LinkConnection connection,
        string type,
        (string Name, string Value) first,
        (string Name, string Value) second,
        (string Name, string Value) third,
        CancellationToken ct
    )
    {
        var bytes = new ArrayBufferWriter<byte>();
        WyomingEvent.Write(
            bytes,
            type,
            json =>
            {
                foreach (var (name, value) in (ReadOnlySpan<(string, string)>)[first, second, third])
                {
                    if (name is not null)
                    {
                        json.WriteString(name, value);
                    }
                }
            }
        );
        return connection.WriteAsync(bytes.WrittenMemory, ct);
    }
}
