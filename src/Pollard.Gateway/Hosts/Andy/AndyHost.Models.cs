using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Hosts.Andy;

/// <content>The host's models: what it said of each, and which it has now.</content>
internal sealed partial class AndyHost
{
    /// <summary>It says anew what it is.</summary>
    public void Rejoin(AndyProfile profile)
    {
        Profile = profile;
        lock (_gate)
        {
            _known.Clear();
        }

        SetModels(profile.Models);
    }

    /// <summary>It says which models it has now. What it said of them before still holds.</summary>
    public void SetModels(IReadOnlyList<AndyModel> models)
    {
        lock (_gate)
        {
            var before = _models;
            Remember(models);
            if (!_isWithdrawn && before.SequenceEqual(_models))
            {
                return;
            }

            _isWithdrawn = false;
        }

        _link?.SetModels(_models);
    }

    private void ShowAgain()
    {
        lock (_gate)
        {
            if (!_isWithdrawn)
            {
                return;
            }

            _isWithdrawn = false;
        }

        _link?.SetModels(_models);
    }

    // The caller holds the lock, or is the constructor.
    private void Remember(IReadOnlyList<AndyModel> models)
    {
        if (_known.Count > 4 * LinkLimits.Models)
        {
            _known.Clear();
        }

        foreach (var model in models)
        {
            // A bare name, as polls give it, says less than what is known.
            if (!_known.TryGetValue(model.Info.Name, out var known) || Says(model.Info) > Says(known.Info))
            {
                _known[model.Info.Name] = model;
            }
        }

        _models = [.. models.Select(model => _known[model.Info.Name].Info)];
    }

    private static int Says(ModelInfo model) =>
        (model.ParameterSize is null ? 0 : 1)
        + (model.Context is null ? 0 : 1)
        + (model.SizeBytes is null ? 0 : 1)
        + (model.Capabilities is null ? 0 : 1);
}
