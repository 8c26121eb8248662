using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Pollard.Agent;
using Pollard.Agent.Backends;
using Pollard.Gateway.Hosts;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using Pollard.Tasks.Events;
using Pollard.Tasks.Storage;
using Pollard.Testing;

namespace Pollard.Gateway.Tests.Hosts;

/// <summary>A gateway that serves the host link over real sockets, and nothing else.</summary>
internal sealed class LinkGateway : IAsyncDisposable
{
    private readonly WebApplication _app;

    private LinkGateway(WebApplication app, MemoryTaskStore store, TaskEngine engine) =>
        (_app, Store, Engine) = (app, store, engine);

    public MemoryTaskStore Store { get; }

    public TaskEngine Engine { get; }

    public HostLinkServer Server => _app.Services.GetRequiredService<HostLinkServer>();

    public HostRegistry Registry => _app.Services.GetRequiredService<HostRegistry>();

    public JoinTokens Tokens => _app.Services.GetRequiredService<JoinTokens>();

    public HostLinkOptions Options => _app.Services.GetRequiredService<HostLinkOptions>();

    /// <summary>True where something on the way takes the WebSocket out of a request.</summary>
    public bool BlocksSockets { get; set; }

    /// <summary>The address that speaks HTTP/1.1.</summary>
    public Uri Address => new(Addresses[0]);

    /// <summary>The port that speaks HTTP/2 in clear text.</summary>
    public int Http2Port => new Uri(Addresses[1]).Port;

    private string[] Addresses =>
        [.. _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses];

    public static async Task<LinkGateway> StartAsync(
        MemoryTaskStore? store = null,
        bool isOpen = true,
        TimeProvider? time = null,
        X509Certificate2? certificate = null
    )
    {
        time ??= TimeProvider.System;
        store ??= new MemoryTaskStore(time);
        var engine = await TaskEngine.StartAsync(
            store,
            new JoinedOutput(),
            new ScriptedReview(),
            new TaskEngineOptions(),
            time,
            new Random(1),
            new TestLog().CreateLogger<TaskEngine>(),
            TestContext.Current.CancellationToken
        );
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders().AddProvider(new TestLog()).AddFilter("Microsoft", LogLevel.Warning);
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            if (certificate is not null)
            {
                kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(certificate)); // As behind a proxy with TLS.
                return;
            }

            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http1);
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
        });
        builder.Services.AddSingleton(engine);
        builder.Services.AddSingleton<ITaskStore>(store);
        builder.Services.AddSingleton(time);
        builder.Services.AddHostLink(new HostLinkOptions { MayEnrolWithoutToken = _ => isOpen });
        var app = builder.Build();
        LinkGateway? gateway = null;
        app.Use(
            (http, next) =>
            {
                if (gateway is { BlocksSockets: true })
                {
                    http.Request.Headers.Remove("Upgrade");
                }

                http.SetCaller(new Caller("", IsAdmin: http.Request.Headers.Authorization == "Bearer admin"));
                return next(http);
            }
        );
        app.MapHostLink();
        await app.StartAsync(TestContext.Current.CancellationToken);
        gateway = new LinkGateway(app, store, engine);
        gateway.Options.Http2Port = certificate is null ? gateway.Http2Port : null;
        return gateway;
    }

    /// <summary>A client with or without an admin's key.</summary>
    public HttpClient NewClient(bool isAdmin = true)
    {
        var client = new HttpClient(new SocketsHttpHandler(), disposeHandler: true) { BaseAddress = Address };
        if (isAdmin)
        {
            client.DefaultRequestHeaders.Add("Authorization", "Bearer admin");
        }

        return client;
    }

    /// <summary>Ends when so many hosts are connected.</summary>
    public Task UntilHostsAsync(int count) =>
        UntilAsync(() => Engine.Hosts.List().Count(host => host.Description.Models.Count > 0) == count);

    /// <summary>Ends when this is so; asked whenever something changes with the hosts.</summary>
    public async Task UntilAsync(Func<bool> isSo)
    {
        var changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void Look(IReadOnlyList<ModelInfo> models)
        {
            if (isSo())
            {
                changed.TrySetResult();
            }
        }

        Engine.Hosts.Changed += Look;
        Look([]);
        await changed.Task.WaitAsync(
            TimeSpan.FromSeconds(30),
            TimeProvider.System,
            TestContext.Current.CancellationToken
        );
        Engine.Hosts.Changed -= Look;
    }

    /// <summary>What carries a host's link, as an admin sees it.</summary>
    public string? CarrierOf(string hostId) =>
        Server.Find(hostId)?.Peer.Carrier switch
        {
            LinkCarrier.Turn => "turn",
            LinkCarrier.WebSocket => "ws",
            LinkCarrier.Http2 => "h2",
            LinkCarrier.Memory => "memory",
            _ => null,
        };

    public async Task<TaskHandle> SubmitAsync(
        string model = "m",
        Durability durability = Durability.Relaxed,
        bool stream = true,
        string request = """{"messages":[]}"""
    )
    {
        var submission = await Engine.SubmitAsync(
            new NewTask
            {
                Owner = "",
                Kind = "chat",
                Model = model,
                Request = Encoding.UTF8.GetBytes(request),
                Durability = durability,
                Stream = stream,
            },
            TestContext.Current.CancellationToken
        );
        Assert.Equal(SubmitOutcome.Accepted, submission.Outcome);
        return submission.Task!;
    }

    /// <summary>The task's result, as text, after its end.</summary>
    public static async Task<string> ResultAsync(TaskHandle task)
    {
        var row = await task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal((TaskState.Completed, null), (row.State, row.Error));
        var result = await task.ReadResultAsync(TestContext.Current.CancellationToken);
        return Encoding.UTF8.GetString(result!.Value.Span);
    }

    /// <summary>The text that a reader along saw from the first token to the end.</summary>
    public static async Task<string> ReadAlongAsync(TaskHandle task, TaskCompletionSource? begun = null)
    {
        var text = new StringBuilder();
        var reader = task.ReadEvents();
        do
        {
            while (reader.TryRead(out var item))
            {
                text.Append(item.Type == TaskEventType.Delta ? Encoding.UTF8.GetString(item.Data.Span) : "");
                if (text.Length > 0)
                {
                    begun?.TrySetResult();
                }
            }
        } while (
            await reader.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken) == EventWait.Ready
        );

        return text.ToString();
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(CancellationToken.None);
        await _app.DisposeAsync();
        await Engine.DisposeAsync();
    }

    /// <summary>The text of the answer as it is.</summary>
    private sealed class JoinedOutput : IResultAssembler
    {
        public ReadOnlyMemory<byte> Assemble(
            TaskRow row,
            string publicId,
            IReadOnlyList<TaskEvent> output,
            Messages.Finish finish,
            BodyFacts? body
        ) =>
            output
                .Where(static item => item.Type == TaskEventType.Delta)
                .SelectMany(static item => item.Data.ToArray())
                .ToArray();
    }
}

/// <summary>An agent that runs beside the test, with its key in a folder of its own.</summary>
internal sealed class RunningAgent : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("pollard-").FullName;

    public RunningAgent(
        LinkGateway gateway,
        IBackend backend,
        Func<AgentOptions, AgentOptions>? with = null,
        ILoggerFactory? log = null
    )
    {
        var options = new AgentOptions
        {
            Gateway = gateway.Address,
            Name = "test host",
            StateDirectory = _folder,
            DrainWithin = TimeSpan.FromSeconds(10),
        };
        Exit = new AgentHost(with?.Invoke(options) ?? options, [backend], log ?? new TestLog()).RunAsync(_stop.Token);
    }

    public Task<AgentExit> Exit { get; }

    /// <summary>Options of another agent that uses this one's key.</summary>
    public AgentOptions WithSameKey(AgentOptions options) => options with { StateDirectory = _folder };

    public async Task<AgentExit> StopAsync()
    {
        await _stop.CancelAsync();
        return await Exit;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}

/// <summary>The carriers, as tests name them.</summary>
internal static class Carriers
{
    public static Func<AgentOptions, AgentOptions> Choose(this LinkGateway gateway, string carrier) =>
        options =>
            carrier switch
            {
                "memory" => options with
                {
                    Gateway = null,
                    Connect = () => gateway.Server.Open(LinkPeer.Local("local", "this machine")),
                },
                "h2" => options with { Carrier = AgentCarrier.Http2 },
                "ws" => options with { Carrier = AgentCarrier.WebSocket },
                _ => options with { Carrier = AgentCarrier.Turn },
            };
}
