using Pollard.Agent.Owner;
using Pollard.Agent.Pipeline;

namespace Pollard.Agent.Sources.TaskServers;

/// <summary>What the stages know of the agent around them.</summary>
internal sealed class TaskStage(
    AgentOptions options,
    BackendCatalog catalog,
    WorkPipeline pipeline,
    RestKeeper rests,
    Watchdog watchdog
)
{
    private int _owners = pipeline.Slots;
    private int _servers = int.MaxValue;

    /// <summary>What the agent was told.</summary>
    public AgentOptions Options => options;

    /// <summary>The clock.</summary>
    public TimeProvider Time => options.Time;

    /// <summary>What there is to run work on.</summary>
    public BackendCatalog Catalog => catalog;

    /// <summary>What runs it.</summary>
    public WorkPipeline Pipeline => pipeline;

    /// <summary>Tasks at the same time.</summary>
    public int PoolSize => pipeline.Slots;

    /// <summary>The owner says how many.</summary>
    public void ResizeByOwner(int slots)
    {
        _owners = slots;
        Resize();
    }

    /// <summary>The server says how many, which holds as far as the owner lets so many run.</summary>
    public void ResizeByServer(int slots)
    {
        _servers = slots;
        Resize();
    }

    /// <summary>True while the owner lets the machine work, and there is something to run work on.</summary>
    public bool IsWilling => rests.Now is null && catalog.Models.Count > 0;

    /// <summary>True when one more task can be begun, and its result can wait.</summary>
    public bool HasRoom(TaskFlow flow) =>
        IsWilling && pipeline.Running < pipeline.Slots && flow.Undelivered < DeliveryThreshold.Most;

    /// <summary>A loop lives, and will be heard of again within this time.</summary>
    public void Expect(string loop, TimeSpan within) => watchdog.Expect(loop, within);

    /// <summary>A loop has ended as it should.</summary>
    public void Forget(string loop) => watchdog.Forget(loop);

    /// <summary>Waits for a signal, but not longer than this.</summary>
    public static async Task FirstOfAsync(Task signal, TimeSpan within, TimeProvider time, CancellationToken ct)
    {
        try
        {
            await signal.WaitAsync(within, time, ct);
        }
        catch (TimeoutException)
        {
            // Look again.
        }
    }

    private void Resize() => pipeline.Slots = Math.Min(_owners, _servers);
}
