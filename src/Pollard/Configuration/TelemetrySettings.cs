using System.CommandLine;
using System.Globalization;
using System.Net;
using Pollard.Gateway.Observability;

namespace Pollard.Configuration;

/// <summary>Where the figures of a process are shown and sent.</summary>
internal static class TelemetrySettings
{
    private const string CollectorVariable = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string Example = "127.0.0.1:9464";

    public static readonly Option<string?> Otlp = CommonOptions.Text(
        "--otlp",
        "URL",
        $"Send figures to this OpenTelemetry collector. Default: {CollectorVariable}, else nowhere"
    );

    public static readonly Option<string?> Metrics = CommonOptions.Text(
        "--metrics",
        "ADDRESS",
        $"Show figures to Prometheus at /metrics of this address, such as {Example}. Default: nowhere"
    );

    /// <summary>What is said of this process.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="service">What it is.</param>
    /// <exception cref="UsageException">The collector's address is none.</exception>
    public static TelemetryOptions Read(Settings settings, string service) =>
        new(service, ProgramVersion.Text) { Collector = settings.Address(Otlp) ?? Usual() };

    /// <summary>Where figures are shown; null: nowhere.</summary>
    /// <exception cref="UsageException">It is no address.</exception>
    public static IPEndPoint? ReadMetrics(Settings settings) =>
        settings.Text(Metrics) switch
        {
            null => null,
            var text when ushort.TryParse(text, CultureInfo.InvariantCulture, out var port) => new IPEndPoint(
                IPAddress.Loopback,
                port
            ),
            var text when text.Contains(':', StringComparison.Ordinal) && IPEndPoint.TryParse(text, out var place) =>
                place,
            var text => throw new UsageException($"{Metrics.Name} is \"{text}\"; write an address such as {Example}."),
        };

    private static Uri? Usual()
    {
        var text = Environment.GetEnvironmentVariable(CollectorVariable);
        return string.IsNullOrEmpty(text) ? null
            : Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is "http" or "https" ? address
            : throw new UsageException(
                $"{CollectorVariable} is \"{text}\"; write an address such as http://127.0.0.1:4318."
            );
    }
}
