using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Pollard.Gateway.Observability;

/// <summary>
/// The figures of this process, for Prometheus and for a collector: those of all our parts, and of the runtime below; and the spans of tasks,
/// for a collector. One a process; without it nothing is counted.
/// </summary>
public sealed class Telemetry : IDisposable
{
    private const string ProtocolVariable = "OTEL_EXPORTER_OTLP_PROTOCOL";
    private const string SamplerVariable = "OTEL_TRACES_SAMPLER";
    private const int NewTracesPerSecond = 50; // Of what nobody asked to be traced: more cost much, and nobody looks at them.
    private const int ManySeries = 2_000;
    private const int FewSeries = 200; // Room for series is taken at once, whether or not there are any.

    // Those that tell models, hosts, links or calls apart; others have words of ours only.
    private static readonly string[] WithManySeries =
    [
        "gen_ai.",
        "pollard.task.queue_wait",
        "pollard.task.duration",
        "pollard.queue.",
        "pollard.voice.",
    ];

    // Doubling, from a frame's lateness to a turn's patience; what has its own says so itself.
    private static readonly double[] Seconds =
    [
        0.001,
        0.0025,
        0.005,
        0.01,
        0.02,
        0.04,
        0.08,
        0.16,
        0.32,
        0.64,
        1.28,
        2.56,
        5.12,
        10.24,
        20.48,
        40.96,
        81.92,
    ];

    private readonly TracerProvider? _traces;

    private Telemetry(MeterProvider meters, TracerProvider? traces) => (Meters, _traces) = (meters, traces);

    /// <summary>What is counted.</summary>
    internal MeterProvider Meters { get; }

    /// <summary>Begins to count, and to send where a collector is named.</summary>
    public static Telemetry Start(TelemetryOptions options)
    {
        var meters = Sdk.CreateMeterProviderBuilder()
            .ConfigureResource(resource => Describe(resource, options))
            .SetExemplarFilter(ExemplarFilterType.TraceBased)
            .AddMeter("Pollard.*", "System.Runtime")
            .AddView(View)
            .AddPrometheusExporter();
        if (options.Collector is not { } collector)
        {
            return new Telemetry(meters.Build(), traces: null); // Nobody hears of traces, so none are made.
        }

        meters.AddOtlpExporter(otlp => Send(otlp, collector, "v1/metrics"));
        var traces = Sdk.CreateTracerProviderBuilder()
            .ConfigureResource(resource => Describe(resource, options))
            .AddSource("Pollard.*")
            .AddOtlpExporter(otlp => Send(otlp, collector, "v1/traces"));
        if (Environment.GetEnvironmentVariable(SamplerVariable) is null or "")
        {
            traces.SetSampler(new ParentBasedSampler(new NewTraceSampler(NewTracesPerSecond, TimeProvider.System)));
        }

        return new Telemetry(meters.Build(), traces.Build());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _traces?.Dispose();
        Meters.Dispose();
    }

    private static MetricStreamConfiguration View(System.Diagnostics.Metrics.Instrument instrument)
    {
        var isMany = WithManySeries.Any(some => instrument.Name.StartsWith(some, StringComparison.Ordinal));
        var series = isMany ? ManySeries : FewSeries;
        return instrument is System.Diagnostics.Metrics.Histogram<double> { Unit: "s", Advice: null }
            ? new ExplicitBucketHistogramConfiguration { Boundaries = Seconds, CardinalityLimit = series }
            : new MetricStreamConfiguration { CardinalityLimit = series };
    }

    private static void Describe(ResourceBuilder resource, TelemetryOptions options) =>
        resource.AddService(options.Service, serviceVersion: options.Version).AddEnvironmentVariableDetector(); // Last: who runs it has the last word.

    // An address in code is taken as it is, where one in a variable is a base.
    private static void Send(OtlpExporterOptions otlp, Uri collector, string path)
    {
        var isGrpc = Environment.GetEnvironmentVariable(ProtocolVariable) == "grpc";
        otlp.Protocol = isGrpc ? OtlpExportProtocol.Grpc : OtlpExportProtocol.HttpProtobuf;
        otlp.Endpoint = isGrpc ? collector : new Uri($"{collector.AbsoluteUri.TrimEnd('/')}/{path}");
    }
}
