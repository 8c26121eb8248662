using Pollard.Gateway.Http;
using Pollard.Tasks.Validation;

namespace Pollard.Gateway.Validation;

/// <summary>How often an answer is asked for again, and how fast: the member <c>retry_config</c>.</summary>
internal sealed record RetryConfig
{
    /// <summary>Answers that may be asked for at the most.</summary>
    public const int MostAttempts = 20;

    private const int DefaultAttempts = 3;
    private const double MostDelaySeconds = 24 * 3600;
    private const double MostBackoff = 100;
    private const int MostCount = 1000;

    private int Attempts { get; init; }
    private double Factor { get; init; }
    private double InitialDelay { get; init; }
    private double MaxDelay { get; init; }
    private double Jitter { get; init; }
    private BreakerSpec? Breaker { get; init; }

    /// <summary>Reads it.</summary>
    /// <exception cref="RejectedException">A member is wrong or not known.</exception>
    public static RetryConfig Read(ParamReader given)
    {
        given.Flag("debug_mode"); // Asks for more in the log; here all verdicts are kept in any case.
        if (given.Flag("enable_cache") is true)
        {
            throw given.Wrong(
                "enable_cache",
                "is not available: no answer is taken from an earlier request; leave it out",
                "not_available"
            );
        }

        var usesJitter = given.Flag("use_jitter") ?? true;
        var jitter = given.Number("jitter_range", 0, 1) ?? 0.1;
        var hasBreaker = given.Flag("enable_circuit_breaker") is true;
        var breaker = ReadBreaker(given.Within("circuit_breaker_config"));
        var config = new RetryConfig
        {
            Attempts = given.Whole("max_attempts", 1, MostAttempts) ?? DefaultAttempts,
            Factor = given.Number("backoff_factor", 1, MostBackoff) ?? 2,
            InitialDelay = given.Number("initial_delay", 0, MostDelaySeconds) ?? 1,
            MaxDelay = given.Number("max_delay", 0, MostDelaySeconds) ?? 60,
            Jitter = usesJitter ? jitter : 0,
            Breaker = hasBreaker ? breaker : null,
        };
        given.End();
        return config;
    }

    /// <summary>A plan with these checks.</summary>
    public ValidationPlan Plan(IReadOnlyList<ValidatorSpec> validators) =>
        new()
        {
            Validators = validators,
            MaxAttempts = Attempts,
            InitialDelay = InitialDelay,
            BackoffFactor = Factor,
            MaxDelay = MaxDelay,
            JitterRange = Jitter,
            Breaker = Breaker,
        };

    private static BreakerSpec ReadBreaker(ParamReader given)
    {
        var breaker = new BreakerSpec(
            given.Whole("failure_threshold", 1, MostCount) ?? 5,
            given.Number("window_size", 1, MostDelaySeconds) ?? 60,
            given.Number("timeout", 1, MostDelaySeconds) ?? 30,
            given.Whole("success_threshold", 1, MostCount) ?? 3
        );
        given.End();
        return breaker;
    }
}
