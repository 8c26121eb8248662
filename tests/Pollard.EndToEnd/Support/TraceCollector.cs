using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;

namespace Pollard.EndToEnd.Support;

/// <summary>A span as a collector gets it.</summary>
internal sealed record CollectedSpan(
    string Trace,
    string Id,
    string Parent,
    string Name,
    IReadOnlyDictionary<string, string> Attributes
);

/// <summary>A collector of OpenTelemetry, at the wire: OTLP over HTTP, as protobuf (opentelemetry/proto/trace/v1/trace.proto).</summary>
internal sealed class TraceCollector : IAsyncDisposable
{
    private readonly WebApplication _app;

    private TraceCollector(WebApplication app) => _app = app;

    /// <summary>Where spans are sent.</summary>
    public string Url =>
        _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

    /// <summary>What came.</summary>
    public ConcurrentQueue<CollectedSpan> Spans { get; } = [];

    /// <summary>Starts it.</summary>
    public static async Task<TraceCollector> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder
            .WebHost.UseKestrelCore()
            .ConfigureKestrel(static kestrel => kestrel.ListenLocalhost(PollardProcess.FreePort()));
        var app = builder.Build();
        var collector = new TraceCollector(app);
        app.Run(async http =>
        {
            using var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body, http.RequestAborted);
            if (http.Request.Path == "/v1/traces")
            {
                collector.Take(body.ToArray());
            }
        });
        await app.StartAsync(TestContext.Current.CancellationToken);
        return collector;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    // ExportTraceServiceRequest: 1 resource_spans; each: 2 scope_spans; each: 2 spans.
    private void Take(byte[] request)
    {
        foreach (var resource in Fields(request).Where(static field => field.Number == 1))
        {
            foreach (var scope in Fields(resource.Bytes).Where(static field => field.Number == 2))
            {
                foreach (var span in Fields(scope.Bytes).Where(static field => field.Number == 2))
                {
                    Spans.Enqueue(Read(span.Bytes));
                }
            }
        }
    }

    // Span: 1 trace_id, 2 span_id, 4 parent_span_id, 5 name, 9 attributes.
    private static CollectedSpan Read(byte[] span)
    {
        var fields = Fields(span);
        return new CollectedSpan(Hex(1), Hex(2), Hex(4), Encoding.UTF8.GetString(Of(5)), Attributes());

        byte[] Of(int number) => fields.Find(field => field.Number == number).Bytes ?? [];

        string Hex(int number) => Convert.ToHexStringLower(Of(number));

        // KeyValue: 1 key, 2 value; of which 1 string_value, 3 int_value.
        Dictionary<string, string> Attributes() =>
            fields
                .Where(static field => field.Number == 9)
                .Select(static field => Fields(field.Bytes))
                .ToDictionary(
                    static pair => Encoding.UTF8.GetString(pair[0].Bytes),
                    static pair =>
                        Fields(pair[1].Bytes)[0] is { Number: 1 } text
                            ? Encoding.UTF8.GetString(text.Bytes)
                            : "a number",
                    StringComparer.Ordinal
                );
    }

    private static List<(int Number, byte[] Bytes)> Fields(byte[] message)
    {
        List<(int, byte[])> fields = [];
        for (var at = 0; at < message.Length; )
        {
            var key = Number(message, ref at);
            var length = (key & 7) switch
            {
                0 => 0,
                1 => sizeof(ulong),
                5 => sizeof(uint),
                _ => (int)Number(message, ref at),
            };
            if ((key & 7) == 0)
            {
                Number(message, ref at);
            }

            fields.Add(((int)(key >> 3), message[at..(at + length)]));
            at += length;
        }

        return fields;
    }

    private static ulong Number(byte[] message, ref int at)
    {
        var number = 0UL;
        for (var shift = 0; ; shift += 7)
        {
            var part = message[at++];
            number |= (ulong)(part & 0x7F) << shift;
            if (part < 0x80)
            {
                return number;
            }
        }
    }
}
