using System.Security.Cryptography;
using System.Text.Json;

namespace Pollard.Gateway.Hosts.Andy;

/// <content>Two generations list their models when they are asked to, as a piece of work that is no task.</content>
internal sealed partial class AndyHost
{
    private static readonly TimeSpan ListEvery = TimeSpan.FromMinutes(1);
    private bool _isToList;
    private string? _listing;
    private long _listedAt;

    /// <summary>Has it list its models when it asks for work next; false when it cannot, or did so a moment ago.</summary>
    public bool AskToList()
    {
        lock (_gate)
        {
            if (!Profile.ListsModels || (_listedAt != 0 && _time.GetElapsedTime(_listedAt) < ListEvery))
            {
                return false;
            }

            (_isToList, _listedAt) = (true, _time.GetTimestamp());
            return true;
        }
    }

    /// <summary>The id of that piece of work when it is to be given now.</summary>
    public string? StartListing()
    {
        lock (_gate)
        {
            if (!_isToList)
            {
                return null;
            }

            _isToList = false;
            return _listing = RandomNumberGenerator.GetHexString(32, lowercase: true);
        }
    }

    /// <summary>Takes the list; false when this is other work.</summary>
    public bool TakeListing(string? workId, JsonElement submission)
    {
        lock (_gate)
        {
            if (_listing is null || _listing != workId)
            {
                return false;
            }

            _listing = null;
        }

        Touch();
        if (AndyModels.Read(submission.Object("result") ?? default, Profile.Abilities) is { } models)
        {
            SetModels(models);
        }

        return true;
    }
}
