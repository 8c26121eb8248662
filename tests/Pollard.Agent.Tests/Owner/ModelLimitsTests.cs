using Pollard.Agent.Backends;
using Pollard.Agent.Tests.Link;
using Pollard.Protocol;

namespace Pollard.Agent.Tests.Owner;

/// <summary>Which models an owner offers, and with how much context.</summary>
public sealed class ModelLimitsTests
{
    [Fact]
    public async Task Only_the_models_that_the_owner_names_are_offered_with_no_more_context_than_the_owner_gives()
    {
        var limits = new AgentLimits
        {
            Models = ["llama*", "qwen3"],
            NotModels = ["*-uncensored*"],
            MaxContext = 8192,
        };
        await using var gateway = new FakeGateway(
            new Listing(
                ("llama3:8b", 131072),
                ("qwen3:latest", 4096),
                ("qwen3:8b", null),
                ("llama3-uncensored:8b", null),
                ("llama2:7b", null)
            ),
            options => options with { Limits = limits }
        );

        var session = await gateway.OpenAsync();

        Assert.Equal(
            [("llama3:8b", 8192), ("qwen3:latest", 4096), ("llama2:7b", 8192)],
            session.Hello.Models.Select(model => (model.Name, model.Context ?? 0))
        );
    }

    [Theory]
    [InlineData("*", "anything:1b", true)]
    [InlineData("qwen?:8b", "qwen3:8b", true)]
    [InlineData("qwen?:8b", "qwen33:8b", false)]
    [InlineData("qwen3", "qwen3:latest", true)]
    [InlineData("qwen3", "qwen3:8b", false)]
    [InlineData("Qwen3", "qwen3", false)]
    [InlineData("a*b*c", "aXXbYYc", true)]
    public void A_pattern_is_a_name_with_stars(string pattern, string model, bool expected) =>
        Assert.Equal(expected, ModelPattern.IsMatch([pattern], model));

    private sealed class Listing(params (string Name, int? Context)[] models) : IBackend
    {
        public string Name => "listing";

        public Task<IReadOnlyList<ModelInfo>> DiscoverAsync(CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<ModelInfo>>([
                .. models.Select(model => new ModelInfo { Name = model.Name, Context = model.Context }),
            ]);

        public Task<WorkResult> RunAsync(WorkItem work, IWorkOutput output, CancellationToken cancellationToken) =>
            throw new InvalidOperationException("Nothing is run here.");
    }
}
