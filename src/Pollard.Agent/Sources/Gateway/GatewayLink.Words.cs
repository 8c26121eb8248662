using System.Text.Json;
using Microsoft.Extensions.Logging;
using Pollard.Agent.Owner;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Sources.Gateway;

/// <content>What the agent says of itself, to the gateway and in its log.</content>
internal sealed partial class GatewayLink
{
    /// <summary>A hello that fits its bound: when all that is known does not, names come first and the rest follows as a status.</summary>
    private (ReadOnlyMemory<byte> Payload, IReadOnlyList<ModelInfo>? Said, AgentRest? Wish) MakeHello()
    {
        var rest = _rests.Now;
        var resumes = _attempts.Resumes();
        var models = _catalog.Models;
        var whole = (IReadOnlyList<ModelInfo>?)models;
        while (true)
        {
            var payload = JsonSerializer.SerializeToUtf8Bytes(
                new Messages.Hello
                {
                    ProtocolMin = LinkLimits.ProtocolVersion,
                    ProtocolMax = LinkLimits.ProtocolVersion,
                    BootId = _bootId,
                    Slots = _isDraining ? 0 : _pipeline.Slots,
                    Models = models,
                    Name = _options.Name,
                    Agent = _options.Program,
                    Role = _options.Role == AgentRole.Fallback ? "fallback" : null,
                    Labels = _options.Labels,
                    IdleHeartbeatSeconds = _client?.Recall(_network).IdleHeartbeatSeconds,
                    Rest = rest is null ? null : Written(rest),
                    Resume = resumes,
                },
                ProtocolJson.Default.Hello
            );
            if (payload.Length <= LinkLimits.HelloBytes)
            {
                return (payload, whole, rest);
            }

            // First the details of the models, then, with very many attempts, the models, then the youngest attempts.
            if (whole is not null)
            {
                models = [.. models.Select(model => new ModelInfo { Name = model.Name, Kinds = model.Kinds })];
            }
            else if (models.Count > 0)
            {
                models = [];
            }
            else
            {
                resumes = [.. resumes.Take(resumes.Count / 2)];
            }

            whole = null;
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Connected to the gateway by {Carrier}, session {Epoch}")]
    private static partial void LogConnected(ILogger logger, string carrier, long epoch);

    [LoggerMessage(Level = LogLevel.Information, Message = "A better carrier gets through: going over to {Carrier}")]
    private static partial void LogRises(ILogger logger, string carrier);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The link to the gateway ended: {Reason}")]
    private static partial void LogEnded(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "No link to the gateway by {Carrier}: {Reason}")]
    private static partial void LogFailed(ILogger logger, string carrier, string reason);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "No work comes for {Models}: the join token of this host is for other models"
    )]
    private static partial void LogExcluded(ILogger logger, string models);

    [LoggerMessage(Level = LogLevel.Information, Message = "This host gets no work: {Reason}")]
    private static partial void LogIdle(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Joining the gateway again: {Reason}")]
    private static partial void LogJoiningAgain(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Stopping, though the gateway has not acknowledged everything")]
    private static partial void LogUndelivered(ILogger logger);
}
