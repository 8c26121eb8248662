using System.Globalization;

namespace Pollard.Bench.Roles;

/// <summary>What this program does besides measuring, in a process of its own: <c>role NAME ...</c>.</summary>
internal static class Role
{
    private static readonly Lock Lines = new();

    /// <summary>What a role says once it serves.</summary>
    public const string Ready = "ready";

    /// <summary>Plays a role until the measurement lets go of it.</summary>
    public static Task RunAsync(BenchArguments arguments) =>
        arguments.Text("role") switch
        {
            "model" => HttpModel.RunAsync(arguments.Number("port", 0), CancellationToken.None),
            "collector" => Collector.RunAsync(arguments.Number("port", 0), CancellationToken.None),
            "yarp" => YarpProxy.RunAsync(arguments.Number("port", 0), arguments.Number("to", 0)),
            "hosts" => LightHosts.RunAsync(
                new Uri(arguments.Text("gateway")!),
                arguments.Number("count", 1),
                arguments.Number("slots", 64)
            ),
            var other => throw new ArgumentException($"There is no role \"{other}\".", nameof(arguments)),
        };

    /// <summary>Says that it serves, and waits until the measurement closes our input, or ends.</summary>
    public static async Task ReadyAsync(CancellationToken ct)
    {
        Say(Ready);
        while (await Console.In.ReadLineAsync(ct) is not null) { }
    }

    /// <summary>Tells the measurement something.</summary>
    public static void Say(string line)
    {
        lock (Lines)
        {
            Console.Out.WriteLine(line);
            Console.Out.Flush();
        }
    }

    /// <summary>The command line of a role.</summary>
    public static string[] Arguments(string role, params (string Name, object Value)[] values) =>
        [
            "role",
            "--role",
            role,
            .. values.SelectMany(value =>
                (string[])[$"--{value.Name}", Convert.ToString(value.Value, CultureInfo.InvariantCulture)!]
            ),
        ];
}
