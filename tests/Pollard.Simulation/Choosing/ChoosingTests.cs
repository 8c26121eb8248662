using Pollard.Tasks;

namespace Pollard.Simulation.Choosing;

/// <summary>What choosing by measure is worth, on pools whose hosts differ as real ones do.</summary>
public class ChoosingTests(ITestOutputHelper output)
{
    private const int Seed = 42;
    private readonly PoolWorld _world = new(Seed);

    [Fact]
    public void Keys_that_ask_for_as_much_as_they_can_get_are_served_as_much_whatever_the_size_of_their_requests()
    {
        _world.Add("one", new Power(50));
        _world.Add("two", new Power(50));
        _world.Add("three", new Power(20));
        foreach (var (owner, tokens) in new[] { ("a", 100), ("b", 100), ("c", 100), ("large", 1_000) })
        {
            for (var i = 0; i < 5; i++)
            {
                KeepAsking(owner, tokens);
            }
        }

        _world.Run(until: 3_600);

        Assert.InRange(Jain(_world.Jobs, "a", "b", "c", "large"), 0.95, 1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_key_with_fifty_requests_at_a_time_takes_nothing_from_nine_that_have_one(int seed)
    {
        var world = new PoolWorld(seed);
        world.Add("one", new Power(50));
        world.Add("two", new Power(50));
        world.Add("three", new Power(20));
        string[] light = [.. Enumerable.Range(1, 9).Select(static number => $"light{number}")];
        foreach (var owner in light.Concat(Enumerable.Repeat("heavy", 50)))
        {
            Ask(owner);
        }

        world.Run(until: 3_600);

        var jain = Jain(world.Jobs, ["heavy", .. light]);
        var ofLight = MeanWait(world.Jobs, light);
        var ofHeavy = MeanWait(world.Jobs, "heavy");
        output.WriteLine($"Jain's index {jain:0.000}; waits on the mean: light {ofLight:0.0} s, heavy {ofHeavy:0.0} s");
        Assert.InRange(jain, 0.95, 1);
        Assert.True(ofLight * 20 < ofHeavy, $"light {ofLight:0.0} s, heavy {ofHeavy:0.0} s");

        void Ask(string owner) =>
            world.Submit(new Job(owner, "m", 400, world.Random.Next(50, 150), world.Now) { Done = () => Ask(owner) });
    }

    [Fact]
    public void A_key_that_comes_later_is_not_served_alone_until_it_has_caught_up()
    {
        _world.Add("one", new Power(50));
        for (var i = 0; i < 3; i++)
        {
            KeepAsking("early", 100);
        }

        _world.Run(until: 600);
        for (var i = 0; i < 3; i++)
        {
            KeepAsking("late", 100);
        }

        _world.Run(until: 720);

        Assert.InRange(Jain(_world.Jobs.Where(static job => job.DoneAt > 600), "early", "late"), 0.95, 1);
    }

    [Fact]
    public void Work_is_done_sooner_than_on_the_less_loaded_of_two_and_fast_hosts_do_more_of_it()
    {
        Power[] powers = [new(100), new(100), new(100), new(20), new(20), new(20)];
        List<Job> jobs = [.. Arrivals(count: 2_000, perSecond: 0.8, static random => random.Next(50, 150))];
        for (var i = 0; i < powers.Length; i++)
        {
            _world.Add($"host{i}", powers[i]);
        }

        jobs.ForEach(_world.Submit);
        _world.Run();

        var mean = jobs.Average(static job => job.DoneAt!.Value - job.At);
        var blind = BlindPool.MeanSeconds(powers, jobs, new Random(Seed));
        Assert.True(mean * 1.25 < blind, $"chosen {mean:0.00} s, blind {blind:0.00} s");
        var fast = jobs.Count(static job => job.DoneBy is "host0" or "host1" or "host2");
        Assert.True(fast > 4 * (jobs.Count - fast), $"the fast ones did {fast} of {jobs.Count}");
    }

    [Fact]
    public void A_host_that_fails_is_given_little_and_one_that_nobody_knows_is_tried()
    {
        var good = _world.Add("good", new Power(50));
        var bad = _world.Add("bad", new Power(60) { FaultShare = 0.6 });
        foreach (var job in Arrivals(count: 600, perSecond: 0.3, static _ => 50))
        {
            _world.Submit(job);
        }

        _world.After(1_000, () => _world.Add("new", new Power(50)));
        _world.Run();

        Assert.True(bad.Offers * 3 < good.Offers, $"good {good.Offers}, bad {bad.Offers}");
        Assert.True(_world.Jobs.Count(static job => job.DoneBy == "new") > 100);
        Assert.All(_world.Jobs, static job => Assert.NotNull(job.DoneAt));
    }

    [Fact]
    public void Hosts_seldom_change_their_model()
    {
        var power = new Power(50) { LoadSeconds = 8 };
        PoolHost[] hosts = [_world.Add("one", power, "x", "y"), _world.Add("two", power, "x", "y")];
        foreach (var job in Arrivals(count: 1_000, perSecond: 0.6, static _ => 100))
        {
            _world.Submit(job with { Model = _world.Random.Next(2) == 0 ? "x" : "y" });
        }

        _world.Run();

        Assert.InRange(hosts.Sum(static host => host.Loads), 2, 40); // 550 when they take what comes.
        Assert.InRange(_world.Jobs.Average(static job => job.DoneAt!.Value - job.At), 2, 7);
    }

    [Fact]
    public void Work_that_needs_another_model_is_passed_over_for_a_while_only()
    {
        var host = _world.Add("host", new Power(50) { LoadSeconds = 8 }, "x", "y");
        for (var i = 0; i < 3; i++)
        {
            KeepAsking("busy", 100, "x");
        }

        var passedOver = Enumerable.Range(1, 20).Select(static i => new Job("other", "y", 400, 100, i * 120)).ToList();
        passedOver.ForEach(_world.Submit);
        _world.Run(until: 2_600);

        Assert.All(passedOver, static job => Assert.InRange(job.BeganAt!.Value - job.At, 20, 35));
        Assert.InRange(host.Loads, 40, 44);
    }

    [Fact]
    public void A_conversation_goes_on_where_its_beginning_was_read()
    {
        var power = new Power(100, BytesPerSecond: 5_000) { CachedPrompts = 10 };
        PoolHost[] hosts = [.. Enumerable.Range(0, 4).Select(i => _world.Add($"host{i}", power))];
        for (var i = 0; i < 6; i++)
        {
            Converse((ulong)(i + 1) * 1_000, turn: 1);
        }

        _world.Run(until: 3_600);

        var later = _world.Jobs.Count(static job => job.Prefixes.Earlier.Hash != 0);
        Assert.True(
            hosts.Sum(static host => host.Hits) > 0.7 * later,
            $"{hosts.Sum(static host => host.Hits)} of {later}"
        );
    }

    [Fact]
    public void The_same_seed_makes_the_same_choices()
    {
        Assert.Equal(Run(), Run());

        static string Run()
        {
            var world = new PoolWorld(7);
            for (var i = 0; i < 5; i++)
            {
                world.Add($"host{i}", new Power(20 * (i + 1)) { FaultShare = 0.1 });
            }

            var random = new Random(7);
            for (var i = 0; i < 300; i++)
            {
                world.Submit(new Job($"key{i % 3}", "m", random.Next(100, 10_000), random.Next(10, 300), i * 0.7));
            }

            world.Run();
            return string.Join(' ', world.Jobs.Select(static job => job.DoneBy));
        }
    }

    private void KeepAsking(string owner, int tokens, string model = "m") =>
        _world.Submit(new Job(owner, model, 400, tokens, _world.Now) { Done = () => KeepAsking(owner, tokens, model) });

    private void Converse(ulong conversation, int turn)
    {
        const int TurnBytes = 2_000;
        if (turn > 12)
        {
            return;
        }

        _world.Submit(
            new Job("key", "m", turn * TurnBytes, 50, _world.Now + 5)
            {
                Prefixes = new PromptPrefixes(
                    default,
                    turn == 1 ? default : new PromptPrefix(conversation + (ulong)turn - 1, (turn - 1) * TurnBytes),
                    new PromptPrefix(conversation + (ulong)turn, turn * TurnBytes)
                ),
                Done = () => Converse(conversation, turn + 1),
            }
        );
    }

    private static IEnumerable<Job> Arrivals(int count, double perSecond, Func<Random, int> tokens)
    {
        var random = new Random(Seed);
        var at = 0.0;
        for (var i = 0; i < count; i++)
        {
            at -= Math.Log(1 - random.NextDouble()) / perSecond;
            yield return new Job("key", "m", 400, tokens(random), at);
        }
    }

    /// <summary>How long these waited for a host, in seconds on the mean.</summary>
    private static double MeanWait(IEnumerable<Job> jobs, params string[] owners) =>
        jobs.Where(job => job.BeganAt is not null && owners.Contains(job.Owner))
            .Average(static job => job.BeganAt!.Value - job.At);

    /// <summary>Jain's index of what was done for each: 1 when all had as much, 1/n when one had everything.</summary>
    private static double Jain(IEnumerable<Job> jobs, params string[] owners)
    {
        var tokens = jobs.Where(static job => job.DoneAt is not null)
            .ToLookup(static job => job.Owner, static job => (double)job.Tokens);
        double[] served = [.. owners.Select(owner => tokens[owner].Sum())];
        return Math.Pow(served.Sum(), 2) / (served.Length * served.Sum(static sum => sum * sum));
    }
}
