namespace Pollard.Gateway.Observability;

/// <summary>What a process says of itself to those who watch it.</summary>
/// <param name="Service">What it is called, unless <c>OTEL_SERVICE_NAME</c> says otherwise.</param>
/// <param name="Version">Its version.</param>
public sealed record TelemetryOptions(string Service, string Version)
{
    /// <summary>
    /// The collector to which figures are sent by OTLP, its base address; null: none. How often, with which headers and by which protocol
    /// is said by the usual variables (<c>OTEL_METRIC_EXPORT_INTERVAL</c>, <c>OTEL_EXPORTER_OTLP_HEADERS</c>,
    /// <c>OTEL_EXPORTER_OTLP_PROTOCOL</c>).
    /// </summary>
    public Uri? Collector { get; init; }
}
