using Pollard.Protocol;

namespace Pollard.Tasks.Dispatch;

/// <summary>
/// Which models a host has in memory: as it said last, and by what it was given since. Known only of hosts whose engine tells.
/// Used under the engine's lock.
/// </summary>
internal sealed class LoadedModels
{
    private readonly List<string> _models = []; // The one that was given last is at the end.
    private int _atOnce = 1; // As many as it was seen to have: the next one pushes the oldest out.
    private bool _tells;

    /// <summary>What the host says.</summary>
    public void Set(IReadOnlyList<ModelInfo> models)
    {
        _tells = false;
        _models.Clear();
        foreach (var model in models)
        {
            _tells |= model.Loaded is not null;
            if (model.Loaded == true)
            {
                _models.Add(model.Name);
            }
        }

        _atOnce = Math.Max(_atOnce, _models.Count);
    }

    /// <summary>The host is given work with this model.</summary>
    /// <returns>True when it has to load it.</returns>
    public bool Given(string model)
    {
        if (!_tells || (_models.Count > 0 && _models[^1] == model))
        {
            return false;
        }

        var had = _models.Remove(model);
        _models.Add(model);
        if (_models.Count > _atOnce)
        {
            _models.RemoveAt(0);
        }

        return !had;
    }

    /// <summary>True when this model is in its memory.</summary>
    public bool Has(string model) => _tells && _models.Contains(model);

    /// <summary>True when this model is not in its memory.</summary>
    public bool Lacks(string model) => _tells && !_models.Contains(model);

    /// <summary>True when this model would take the place of another.</summary>
    public bool WouldSwapFor(string model) => _models.Count >= _atOnce && Lacks(model);
}
