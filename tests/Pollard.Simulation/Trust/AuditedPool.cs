using Microsoft.Extensions.DependencyInjection;
using Pollard.Gateway.Answers;
using Pollard.Gateway.Hosts;
using Pollard.Gateway.Hosts.Audits;
using Pollard.Protocol.Api;
using Pollard.Simulation.Choosing;
using Pollard.Tasks;
using Pollard.Tasks.Storage;

namespace Pollard.Simulation.Trust;

/// <summary>What came of a host.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Jobs">Clients' jobs that it did.</param>
/// <param name="Audits">Canaries and re-runs that it had.</param>
/// <param name="Minutes">After which time it was quarantined; not a number: it was not.</param>
internal sealed record HostFate(string Name, int Jobs, long Audits, double Minutes)
{
    public bool IsQuarantined => !double.IsNaN(Minutes);
}

/// <summary>Hosts of the community in a pool at work, the gateway's own auditor, and one trusted host with the model.</summary>
internal sealed class AuditedPool
{
    private const string Model = "m";
    private const double JobsPerSecond = 1.2; // Twenty hosts are at work for some six tenths of the time.
    private const double RepeatableShare = 0.3;
    private readonly PoolWorld _world;
    private readonly ServiceProvider _services;
    private readonly Task _auditing;
    private readonly Dictionary<string, string> _names = new(StringComparer.Ordinal);
    private int _asked;

    public AuditedPool(int seed)
    {
        _world = new PoolWorld(seed, new ResultAssembler());
        _services = new ServiceCollection()
            .AddLogging()
            .AddSingleton(_world.Engine)
            .AddSingleton<ITaskStore>(_world.Store)
            .AddSingleton(_world.Clock)
            .AddHostLink(new HostLinkOptions { Random = _world.Random })
            .BuildServiceProvider();
        _auditing = _world.Do(() =>
            Task.FromResult(_services.GetRequiredService<Auditor>().RunAsync(CancellationToken.None))
        );
        _world.Add(TrustTier.Own, "reference", Works(static (asked, _) => asked.Right), Model);
        AskLater();
    }

    private HostRegistry Registry => _services.GetRequiredService<HostRegistry>();

    /// <summary>A stranger's host.</summary>
    public void Add(string name, Func<Question, Random, string> conduct)
    {
        var record = _world.Do(() =>
            Registry.EnrolAsync($"key {_names.Count}", name, new JoinTerms(TrustTier.Community), CancellationToken.None)
        );
        _names.Add(record!.Id, name);
        _world.Add(TrustTier.Community, record.Id, Works(conduct), Model);
    }

    /// <summary>Lets time pass.</summary>
    public void Run(TimeSpan until)
    {
        _world.Run(until.TotalSeconds);
        Assert.False(_auditing.IsCompleted, "The auditor has ended.");
    }

    /// <summary>What came of each host.</summary>
    public IReadOnlyList<HostFate> Fates()
    {
        var jobs = _world
            .Jobs.Where(static job => job.DoneBy is not null)
            .CountBy(static job => job.DoneBy!)
            .ToDictionary();
        var book = _services.GetRequiredService<AuditBook>();
        return
        [
            .. _names.Select(host => new HostFate(
                host.Value,
                jobs.GetValueOrDefault(host.Key),
                book.Find(host.Key).Audited,
                (Registry.Find(host.Key)!.QuarantinedAt - PoolWorld.Begins)?.TotalMinutes ?? double.NaN
            )),
        ];
    }

    private Power Works(Func<Question, Random, string> conduct) =>
        new(TokensPerSecond: _world.Random.Next(40, 60))
        {
            Says = request => conduct(Question.Read(request), _world.Random),
        };

    private void AskLater() =>
        _world.After(
            -Math.Log(1 - _world.Random.NextDouble()) / JobsPerSecond,
            () =>
            {
                Ask();
                AskLater();
            }
        );

    private void Ask()
    {
        var isRepeatable = _world.Random.NextDouble() < RepeatableShare;
        _world.Submit(
            new Job("client", Model, RequestBytes: 400, Tokens: _world.Random.Next(300, 700), _world.Now)
            {
                Request = Question.Request(_asked++),
                Continuations = isRepeatable ? Continuations.Replay : Continuations.None,
            }
        );
    }
}
