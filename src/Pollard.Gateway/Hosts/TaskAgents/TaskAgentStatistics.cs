using Microsoft.AspNetCore.Http;
using Pollard.Gateway.Http;
using Pollard.Tasks;
using Pollard.Tasks.Storage;

namespace Pollard.Gateway.Hosts.TaskAgents;

/// <summary>How many tasks there are, of those that are kept: all for agents, which are given anybody's, and its own for a client's key.</summary>
internal sealed class TaskAgentStatistics(TaskEngine engine, AgentAccess access) : IDisposable
{
    private const int PageRows = 1_000;
    private readonly SemaphoreSlim _counting = new(1); // To count is much work for the store: one at a time.

    /// <summary><c>GET /stats</c>.</summary>
    public async Task ShowAsync(HttpContext http)
    {
        var caller = http.GetCaller();
        var owner = caller.Scope;
        if (owner is "")
        {
            var agent = TaskAgentQuery.Of(http.Request).Agent;
            var (admission, refusal) = await access.AdmitAsync(http, TaskAgentLimits.Family, agent, isUnique: false);
            owner = admission is null ? throw new RejectedException(refusal!) : null;
        }

        await _counting.WaitAsync(http.RequestAborted);
        (int total, int completed, int pending) counts;
        try
        {
            counts = await CountAsync(owner, http.RequestAborted);
        }
        finally
        {
            _counting.Release();
        }

        await JsonReply.WriteAsync(
            http,
            counts,
            static (json, counts) =>
            {
                json.WriteStartObject();
                json.WriteNumber("total_tasks"u8, counts.total);
                json.WriteNumber("completed_tasks"u8, counts.completed);
                json.WriteNumber("pending_tasks"u8, counts.pending);
                json.WriteEndObject();
            }
        );
    }

    /// <inheritdoc/>
    public void Dispose() => _counting.Dispose();

    private async Task<(int Total, int Completed, int Pending)> CountAsync(string? owner, CancellationToken ct)
    {
        var (total, completed, pending) = (0, 0, 0);
        TaskId? before = null;
        do
        {
            var query = new TaskQuery
            {
                Owner = owner,
                Kind = TaskAgentLimits.Kind,
                Before = before,
                Limit = PageRows,
            };
            var page = await engine.ListAsync(query, ct);
            total += page.Rows.Count;
            completed += page.Rows.Count(static row => row.State == TaskState.Completed);
            pending += page.Rows.Count(static row => !row.IsFinal);
            before = page.Next;
        } while (before is not null && total < TaskAgentLimits.Counted);

        return (total, completed, pending);
    }
}
