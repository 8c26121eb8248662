using System.Collections.Concurrent;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Protocol.Api;
using Pollard.Tasks;
using Pollard.Tasks.Dispatch;

namespace Pollard.Gateway.Answers;

/// <summary>
/// Which models clients may ask for: those that hosts have now, and those that a host had not long ago, whose work waits
/// for a host to come back.
/// </summary>
internal sealed class ModelCatalog : IDisposable
{
    /// <summary>The name of no model in particular: where no route of the owner says which come first, the one with most room.</summary>
    private const string Any = "auto";

    private const int MostRemembered = 2_000;
    private const int MostListed = 30;

    private readonly HostPool _pool;
    private readonly TimeProvider _time;
    private readonly TimeSpan _startGrace;
    private readonly TimeSpan _hostMayReturn;
    private readonly long _started;
    private readonly ModelRoutes _routes;
    private readonly ModelFamilies _families;
    private readonly ConcurrentDictionary<string, long> _seen = new(StringComparer.Ordinal);
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Begins to watch the pool.</summary>
    public ModelCatalog(TaskEngine engine, GatewayOptions options, TimeProvider time)
    {
        _pool = engine.Hosts;
        _time = time;
        _startGrace = options.StartGrace;
        _hostMayReturn = options.HostMayReturn;
        _routes = new ModelRoutes(options.Routes);
        _families = new ModelFamilies(_pool);
        _started = time.GetTimestamp();
        _pool.Changed += Remember;
        Remember(_pool.Models());
    }

    /// <summary>Says of a model that an enrolled host had it which may come back; also of those before this start.</summary>
    public Func<string, bool> Absent { get; set; } = static _ => false;

    /// <summary>The models of connected hosts; the one that stands for any is left out, and so are tools.</summary>
    public IEnumerable<ModelInfo> List() =>
        _pool.Models().Where(static model => model.Name != "*" && model.Kinds is not [HttpCall.Kind]);

    /// <summary>The tools of connected hosts.</summary>
    public IEnumerable<ModelInfo> Tools() =>
        _pool.Models().Where(static model => model.Kinds?.Contains(HttpCall.Kind, StringComparer.Ordinal) == true);

    /// <summary>The name by which hosts have a model at this moment, or the same when none has it.</summary>
    public string NameOf(string model) => Find(Kinds.Chat, model) ?? model;

    /// <summary>
    /// The name under which work waits that is taken whether or not a host has its model: what hosts have now, else where a route of
    /// the owner leads, else the same.
    /// </summary>
    public string NameToWaitUnder(string kind, string model)
    {
        if (model.Length == 0)
        {
            return model; // Not all kinds have one.
        }

        var route = kind == HttpCall.Kind ? null : _routes.OfOwner(model); // Routes are for models, not for tools.
        return Find(kind, model) ?? route ?? model;
    }

    /// <summary>The name by which hosts have the model that a client asks for: the same, or with the tag <c>latest</c>.</summary>
    /// <exception cref="RejectedException">No host has it; says what there is.</exception>
    public ValueTask<string> ResolveAsync(string kind, string model, CancellationToken ct) =>
        Find(kind, model) is { } name ? ValueTask.FromResult(name) : WaitForAsync(kind, model, ct);

    /// <summary>A model of a connected host, by its name or without its tag; null when there is none.</summary>
    public ModelInfo? Describe(string model) =>
        List().FirstOrDefault(known => known.Name == model)
        ?? List().FirstOrDefault(known => known.Name == model + ":latest");

    /// <summary>What to say of a model that no host has.</summary>
    public DoorError Unknown(string kind, string model)
    {
        var isTool = kind == HttpCall.Kind;
        var names = (isTool ? Tools() : List()).Select(known => known.Name).ToList();
        var listed = names.Count switch
        {
            0 => "no host is connected that has any",
            <= MostListed => $"available: {string.Join(", ", names)}",
            _ => $"available: {string.Join(", ", names.Take(MostListed))} and {names.Count - MostListed} more",
        };
        if (isTool)
        {
            return new DoorError(
                404,
                "tool_not_found",
                $"there is no tool or agent \"{DoorError.Quote(model)}\"; {listed}. Start an agent that has it: pollard agent --http {DoorError.Quote(model)}=URL"
            );
        }

        return new DoorError(
            404,
            "model_not_found",
            $"model \"{DoorError.Quote(model)}\" is served by no host for {kind}; {listed}. Start an agent that has it, or set an upstream."
        )
        {
            Parameter = "model",
        };
    }

    /// <inheritdoc/>
    public void Dispose() => _pool.Changed -= Remember;

    // hot: once a request; the first question answers nearly all.
    private string? Find(string kind, string model)
    {
        var serving = _pool.CanServe(kind, model);
        if (serving is Serving.Worker or Serving.Drained)
        {
            return model;
        }

        // An upstream takes any name: what hosts have under another name comes first.
        var latest = model.Contains(':', StringComparison.Ordinal) ? null : model + ":latest";
        if (latest is not null && _pool.CanServe(kind, latest) is Serving.Worker or Serving.Drained)
        {
            return latest;
        }

        var routed = _routes.Of(model).ToList();
        return routed.Find(target => _pool.CanServe(kind, target) is Serving.Worker or Serving.Drained)
            ?? (
                _families.Find(model) is { } member && _pool.CanServe(kind, member) is Serving.Worker or Serving.Drained
                    ? member
                    : null
            )
            ?? (model == Any ? _pool.Roomiest(kind) : null)
            ?? (serving != Serving.None ? model : null)
            ?? routed.Find(target => _pool.CanServe(kind, target) != Serving.None)
            ?? routed.Prepend(latest).Prepend(model).FirstOrDefault(name => name is not null && MayReturn(name));
    }

    /// <summary>True for a model that a host had not long ago and that no host has now for any kind.</summary>
    private bool MayReturn(string model) =>
        ((_seen.TryGetValue(model, out var seen) && _time.GetElapsedTime(seen) <= _hostMayReturn) || Absent(model))
        && !List().Any(known => known.Name == model);

    private async ValueTask<string> WaitForAsync(string kind, string model, CancellationToken ct)
    {
        while (true)
        {
            var changed = Volatile.Read(ref _changed).Task;
            if (Find(kind, model) is { } name)
            {
                return name;
            }

            var left = _startGrace - _time.GetElapsedTime(_started);
            if (left <= TimeSpan.Zero)
            {
                throw new RejectedException(Unknown(kind, model));
            }

            try
            {
                await changed.WaitAsync(left, _time, ct);
            }
            catch (TimeoutException)
            {
                // The next round says that the model is unknown.
            }
        }
    }

    // Only what changed is looked at: thousands of hosts may come back at once.
    private void Remember(IReadOnlyList<ModelInfo> models)
    {
        _families.Changed();
        var now = _time.GetTimestamp();
        foreach (var model in models.Where(model => model.Name != "*")) // Those that just went were there until now.
        {
            if (_seen.Count < MostRemembered || _seen.ContainsKey(model.Name))
            {
                _seen[model.Name] = now;
            }
        }

        Interlocked
            .Exchange(ref _changed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously))
            .TrySetResult();
    }
}
