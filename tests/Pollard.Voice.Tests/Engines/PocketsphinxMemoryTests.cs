using Pollard.Voice.Engines.Pocketsphinx;

namespace Pollard.Voice.Tests.Engines;

/// <summary>What is measured of the whole process, in which no other test may run meanwhile.</summary>
[CollectionDefinition("memory", DisableParallelization = true)]
[Collection("memory")]
public sealed class PocketsphinxMemoryTests
{
    [Fact]
    public async Task An_engine_that_is_closed_gives_its_memory_back()
    {
        await OpenAndCloseAsync(5);
        var before = Environment.WorkingSet;

        await OpenAndCloseAsync(40);

        Assert.InRange(Environment.WorkingSet - before, long.MinValue, 100L * 1024 * 1024); // Each has 6 MiB or more.
    }

    private static async Task OpenAndCloseAsync(int times)
    {
        var settings = new PocketsphinxSettings { Sentences = SpokenSentences.All };
        for (var i = 0; i < times; i++)
        {
            await using var engine = PocketsphinxEngine.Open(settings, TimeProvider.System);
            Assert.NotNull(await engine.HearAsync(new float[16_000], TestContext.Current.CancellationToken));
        }
    }
}
