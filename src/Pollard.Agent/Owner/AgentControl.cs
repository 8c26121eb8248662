using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Pollard.Agent.Owner;

/// <summary>Commands of the owner to the agent that runs on a data directory of this machine.</summary>
public sealed class AgentControl(string directory, TimeProvider time)
{
    private const int MostReplyBytes = 4 * 1024 * 1024;
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(10);

    /// <summary>What the agent is doing.</summary>
    /// <exception cref="IOException">No agent answers; says what to do.</exception>
    public Task<AgentStatus> LookAsync(CancellationToken cancellationToken) =>
        AskAsync(new ControlRequest("status"), cancellationToken);

    /// <summary>The agent takes no more work, also after a restart; what runs is finished.</summary>
    /// <param name="length">For how long; null: until it is resumed.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="IOException">No agent answers, or it cannot keep the pause.</exception>
    public Task<AgentStatus> PauseAsync(TimeSpan? length, CancellationToken cancellationToken) =>
        AskAsync(new ControlRequest("pause", length?.TotalSeconds), cancellationToken);

    /// <summary>The agent takes work again.</summary>
    /// <exception cref="IOException">No agent answers, or it cannot end the pause.</exception>
    public Task<AgentStatus> ResumeAsync(CancellationToken cancellationToken) =>
        AskAsync(new ControlRequest("resume"), cancellationToken);

    /// <summary>The agent works on so many tasks at the same time from now on, until it ends.</summary>
    /// <exception cref="IOException">No agent answers, or it cannot be changed there.</exception>
    public Task<AgentStatus> ResizeAsync(int size, CancellationToken cancellationToken) =>
        AskAsync(new ControlRequest("pool_size", Size: size), cancellationToken);

    private async Task<AgentStatus> AskAsync(ControlRequest request, CancellationToken ct)
    {
        var path = ControlSocket.PathIn(directory);
        using var late = new CancellationTokenSource(AnswerWithin, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
        ControlReply? reply;
        try
        {
            reply = await ExchangeAsync(path, request, either.Token);
        }
        catch (Exception e) when (e is SocketException or ArgumentOutOfRangeException)
        {
            throw new IOException(
                $"No agent of yours runs on the data directory {directory}. Start one with pollard agent, or name its directory with --data; the agent of a service of the machine is asked by the user that runs it.",
                e
            );
        }
        catch (Exception e)
            when (e is JsonException || (e is OperationCanceledException && !ct.IsCancellationRequested))
        {
            throw new IOException($"The agent at {path} does not answer.", e);
        }

        return reply?.Status
            ?? throw new IOException($"The agent could not do it: {reply?.Error ?? "it said nothing"}");
    }

    private static async Task<ControlReply?> ExchangeAsync(string path, ControlRequest request, CancellationToken ct)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), ct);
        await using var stream = new NetworkStream(socket, ownsSocket: false);
        var line = JsonSerializer.Serialize(request, OwnerJson.Default.ControlRequest) + "\n";
        await stream.WriteAsync(Encoding.UTF8.GetBytes(line), ct);
        using var whole = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (whole.Length < MostReplyBytes && await stream.ReadAsync(buffer, ct) is > 0 and var read)
        {
            await whole.WriteAsync(buffer.AsMemory(0, read), ct);
        }

        return JsonSerializer.Deserialize(whole.ToArray(), OwnerJson.Default.ControlReply);
    }
}
