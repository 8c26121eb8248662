using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;

namespace Pollard.Gateway.Hosts;

/// <summary>Answers that hand work over: it counts as given only when the answer could be written.</summary>
internal static class PolledReply
{
    /// <summary>Sends what was written so far.</summary>
    /// <exception cref="IOException">Nobody reads it any more.</exception>
    public static async Task MakeSureAsync(HttpContext http)
    {
        var flushed = await http.Response.BodyWriter.FlushAsync(http.RequestAborted);
        if (flushed.IsCompleted || http.RequestAborted.IsCancellationRequested)
        {
            // A write that was under way ends as if all were well; only the next one tells that nobody reads.
            throw new IOException("the host's connection broke", new ConnectionAbortedException());
        }
    }
}
