using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Agent;
using Pollard.Agent.Backends;
using Pollard.Bench.Machine;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Bench.Roles;

/// <summary>Hosts of the pool whose model is the script itself: real agents and links, and no HTTP behind them.</summary>
internal static class LightHosts
{
    /// <summary>Works until it is told to stop.</summary>
    public static async Task RunAsync(Uri gateway, int count, int slots)
    {
        using var folder = new BenchFolder(null);
        using var ending = new CancellationTokenSource();
        var running = Enumerable
            .Range(0, count)
            .Select(at => Host(gateway, slots, Directory.CreateDirectory($"{folder.Path}/{at}").FullName, at))
            .Select(host => host.RunAsync(ending.Token))
            .ToList();
        await Role.ReadyAsync(CancellationToken.None);
        await ending.CancelAsync();
        await Task.WhenAll(running);
    }

    private static AgentHost Host(Uri gateway, int slots, string folder, int at) =>
        new(
            new AgentOptions
            {
                Gateway = gateway,
                Name = string.Create(CultureInfo.InvariantCulture, $"bench-{at}"),
                Slots = slots,
                StateDirectory = folder,
                Carrier = AgentCarrier.Http2,
            },
            [new ScriptBackend()],
            NullLoggerFactory.Instance
        );

    private sealed class ScriptBackend : IBackend
    {
        private static readonly byte[] Answer = Encoding.UTF8.GetBytes(Script.Answer);
        private static readonly WorkResult Done = WorkResult.Finished(
            new Messages.Finish
            {
                FinishReasons = ["stop"],
                Usage = JsonElement.Parse("""{"prompt_tokens":200,"completion_tokens":200,"total_tokens":400}"""),
            }
        );

        public string Name => "script";

        public Task<IReadOnlyList<ModelInfo>> DiscoverAsync(CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<ModelInfo>>([
                .. Script.Models.Select(model => new ModelInfo { Name = model, Engine = "script" }),
            ]);

        public async Task<WorkResult> RunAsync(WorkItem work, IWorkOutput output, CancellationToken cancellationToken)
        {
            var model = work.Offer.Model;
            if (model == Script.Echo)
            {
                await output.WriteAsync(DeltaKind.Content, 0, Answer, cancellationToken);
                return Done;
            }

            var buffer = new byte[64];
            await foreach (var token in Script.TokensAsync(model, Count(work.Request), cancellationToken))
            {
                var length = Encoding.UTF8.GetBytes(token, buffer);
                await output.WriteAsync(DeltaKind.Content, 0, buffer.AsMemory(0, length), cancellationToken);
            }

            return Done;
        }

        private static int Count(ReadOnlyMemory<byte> request)
        {
            using var body = JsonDocument.Parse(request);
            return body.RootElement.TryGetProperty("max_tokens", out var most) ? most.GetInt32() : 50;
        }
    }
}
