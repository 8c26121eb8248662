using Pollard.Tasks.Storage;

namespace Pollard.Gateway.Http;

/// <summary>What a client hears when the store fails: what it can do, and none of the operator's paths, which are in the log.</summary>
internal static class StoreErrors
{
    private static readonly TimeSpan WhenMended = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Shortly = TimeSpan.FromSeconds(5);

    /// <summary>The error of a fault.</summary>
    public static DoorError Of(StoreFault fault, TimeSpan? retryAfter = null) =>
        fault switch
        {
            StoreFault.DiskFull => Unavailable(
                "store_read_only",
                "the disk of the gateway is full, or nearly; its operator must free some",
                retryAfter ?? WhenMended
            ),
            StoreFault.ReadOnly => Unavailable(
                "store_read_only",
                "the gateway cannot write to its store at the moment; its operator finds the reason in the log",
                retryAfter ?? WhenMended
            ),
            StoreFault.Slow => Unavailable(
                "store_slow",
                "the gateway's store took too long; try again, and ask for less at once or for tasks of one state or owner",
                retryAfter ?? Shortly
            ),
            StoreFault.Damaged => new DoorError(
                500,
                "stored_data_damaged",
                "what the gateway has stored of this is damaged and is not given out; its operator finds in the log what to restore"
            )
            {
                ShouldRetry = false,
            },
            _ => Unavailable(
                "store_unavailable",
                "the gateway cannot read its store at the moment; its operator finds the reason in the log",
                retryAfter ?? WhenMended
            ),
        };

    private static DoorError Unavailable(string code, string message, TimeSpan retryAfter) =>
        new(503, code, message) { RetryAfter = retryAfter };
}
