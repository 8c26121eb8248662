using System.CommandLine;
using Pollard.Output;

namespace Pollard.Commands;

/// <summary><c>pollard models</c>: what can be asked for.</summary>
internal static class ModelsCommand
{
    public static Command Build(Shell shell) =>
        new Command("models", "The models that can be asked for now").WithGateway().Does(shell, ListAsync);

    private static async Task<int> ListAsync(CommandContext context, CancellationToken ct)
    {
        using var gateway = context.Connect();
        var models = await gateway.Models.ListAsync(ct);
        if (context.Print.Json)
        {
            context.Print.JsonLine(models, Printer.Own.IReadOnlyListServedModel);
            return ExitCode.Ok;
        }

        if (models.Count == 0)
        {
            context.Print.Note("No host serves a model. Start an agent: pollard agent --gateway URL");
            return ExitCode.Ok;
        }

        context.Print.Table(["MODEL", "OWNED BY"], models.Select(model => (string[])[model.Id, model.OwnedBy ?? "-"]));
        return ExitCode.Ok;
    }
}
