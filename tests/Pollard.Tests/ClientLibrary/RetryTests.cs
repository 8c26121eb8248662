using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Pollard.Client;
using Pollard.Protocol.Api;
using Pollard.Tests.Support;

namespace Pollard.Tests.ClientLibrary;

/// <summary>Which calls are sent again, when, and for how long. The clock stands still unless a test turns it.</summary>
public sealed class RetryTests
{
    private static readonly SubmitTask Work = new() { Kind = "chat", Request = JsonElement.Parse("{}") };
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(HttpStatusCode.TooManyRequests)]
    [InlineData(HttpStatusCode.BadGateway)]
    [InlineData(HttpStatusCode.ServiceUnavailable)]
    [InlineData(HttpStatusCode.GatewayTimeout)]
    public async Task A_submission_is_sent_again_under_the_same_key(HttpStatusCode status)
    {
        using var handler = new StubHandler(call => call < 3 ? StubHandler.Refusal(status) : Taken());
        using var client = Connect(handler);

        var submitting = client.Tasks.SubmitAsync(Work, cancellationToken: Token);
        var task = await TurnUntilAsync(submitting);

        Assert.Equal("t1", task.Id);
        Assert.Equal(3, handler.Calls.Count);
        Assert.NotNull(Assert.Single(handler.Calls.Distinct()).IdempotencyKey);
    }

    [Fact]
    public async Task Two_submissions_have_two_keys()
    {
        using var handler = new StubHandler(_ => Taken());
        using var client = Connect(handler);

        await client.Tasks.SubmitAsync(Work, cancellationToken: Token);
        await client.Tasks.SubmitAsync(Work, cancellationToken: Token);

        Assert.Equal(2, handler.Calls.Select(call => call.IdempotencyKey).Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public async Task A_gateway_that_cannot_be_reached_is_called_again()
    {
        using var handler = new StubHandler(call =>
            call == 1 ? throw new HttpRequestException("Connection refused") : Taken()
        );
        using var client = Connect(handler);

        var task = await TurnUntilAsync(client.Tasks.GetAsync("t1", Token));

        Assert.Equal("t1", task.Id);
    }

    [Theory]
    [InlineData("7")]
    [InlineData("Fri, 02 Jan 2026 03:04:12 GMT")]
    public async Task It_waits_as_long_as_it_was_asked_to(string retryAfter)
    {
        using var handler = new StubHandler(call =>
            call == 1 ? StubHandler.Refusal(HttpStatusCode.ServiceUnavailable, retryAfter) : Taken()
        );
        using var client = Connect(handler);

        var getting = client.Tasks.GetAsync("t1", Token);
        _time.Advance(TimeSpan.FromSeconds(7));

        Assert.Single(handler.Calls);

        _time.Advance(TimeSpan.FromSeconds(0.1)); // The most that jitter adds to a first try.
        await getting;

        Assert.Equal(2, handler.Calls.Count);
    }

    [Fact]
    public async Task A_wait_longer_than_the_patience_is_an_error_at_once_that_says_how_long()
    {
        using var handler = new StubHandler(_ => StubHandler.Refusal(HttpStatusCode.TooManyRequests, "31"));
        using var client = Connect(handler);

        var refused = await Assert.ThrowsAsync<PollardException>(() => client.Tasks.GetAsync("t1", Token));

        Assert.Single(handler.Calls);
        Assert.Equal(TimeSpan.FromSeconds(31), refused.RetryAfter);
        Assert.True(refused.IsTransient);
    }

    [Fact]
    public async Task It_gives_up_when_its_time_is_over()
    {
        using var handler = new StubHandler(_ => StubHandler.Refusal(HttpStatusCode.ServiceUnavailable));
        using var client = Connect(handler);
        var began = _time.GetUtcNow();

        await Assert.ThrowsAsync<PollardException>(() => TurnUntilAsync(client.Tasks.GetAsync("t1", Token)));

        Assert.InRange(_time.GetUtcNow() - began, TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(30));
        Assert.InRange(handler.Calls.Count, 8, 20); // 0.1 s doubling to 5 s, or half of that.
    }

    [Theory]
    [InlineData(HttpStatusCode.BadRequest)]
    [InlineData(HttpStatusCode.Unauthorized)]
    [InlineData(HttpStatusCode.NotFound)]
    [InlineData(HttpStatusCode.Conflict)]
    [InlineData(HttpStatusCode.UnprocessableContent)]
    [InlineData(HttpStatusCode.InternalServerError)]
    public async Task What_will_not_change_is_asked_once(HttpStatusCode status)
    {
        using var handler = new StubHandler(_ => StubHandler.Refusal(status, "1"));
        using var client = Connect(handler);

        await Assert.ThrowsAsync<PollardException>(() => client.Tasks.SubmitAsync(Work, cancellationToken: Token));

        Assert.Single(handler.Calls);
    }

    [Fact]
    public async Task A_call_that_may_have_done_its_work_is_sent_once()
    {
        using var handler = new StubHandler(_ => StubHandler.Refusal(HttpStatusCode.ServiceUnavailable));
        using var client = Connect(handler);

        await Assert.ThrowsAsync<PollardException>(() => client.Tasks.RetryAsync("t1", Token));

        Assert.Single(handler.Calls);
    }

    [Fact]
    public async Task A_cancelled_caller_does_not_wait_for_the_next_try()
    {
        using var handler = new StubHandler(_ => StubHandler.Refusal(HttpStatusCode.ServiceUnavailable, "20"));
        using var client = Connect(handler);
        using var stop = new CancellationTokenSource();

        var getting = client.Tasks.GetAsync("t1", stop.Token);
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => getting);
        Assert.Single(handler.Calls);
    }

    private static HttpResponseMessage Taken() =>
        StubHandler.Json(HttpStatusCode.Accepted, Documents.Task("t1", "pending"));

    private PollardClient Connect(StubHandler handler) =>
        new(new PollardClientOptions { Gateway = new Uri("http://gateway"), Time = _time }, handler);

    // The handler answers at once, and without a context to go back to each turn of the clock runs all that it sets off.
    private Task<T> TurnUntilAsync<T>(Task<T> task)
    {
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        for (var turns = 0; !task.IsCompleted && turns < 10_000; turns++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(10));
        }

        SynchronizationContext.SetSynchronizationContext(context);
        return task;
    }
}
