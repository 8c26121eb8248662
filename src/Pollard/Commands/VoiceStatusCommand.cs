using System.CommandLine;
using System.Globalization;
using System.Net.Sockets;
using Pollard.Configuration;
using Pollard.Output;
using Pollard.Voice.Legs.Sip;
using Pollard.Voice.Links;
using Pollard.Voice.Stages;

namespace Pollard.Commands;

/// <summary><c>pollard voice status</c>: the services of calls, their links and their calls.</summary>
internal static class VoiceStatusCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public static Command Build(Shell shell) =>
        new Command("status", "The services of calls: their links, and the calls that they have")
            .With(VoiceOptions.Stt, VoiceOptions.Llm, VoiceOptions.Tts, VoiceOptions.SecretFile, CommonOptions.Json)
            .WithConfiguration()
            .Does(shell, RunAsync);

    private static async Task<int> RunAsync(CommandContext context, CancellationToken ct)
    {
        var settings = VoiceOptions.Read(
            context.Settings,
            context.Shell.Time,
            new HashSet<string>(StringComparer.Ordinal)
        );
        List<VoiceStatus> found = [];
        foreach (var (role, place) in settings.Others)
        {
            try
            {
                var status = await AskAsync(place, settings.Secret, context.Shell.Time, ct);
                if (found.TrueForAll(known => known.Node != status.Node)) // One process may have several.
                {
                    found.Add(status);
                }
            }
            catch (Exception e)
                when (e is SocketException or IOException or FrameException or OperationCanceledException)
            {
                ct.ThrowIfCancellationRequested();
                var why = e is OperationCanceledException ? "it does not answer" : e.GetBaseException().Message;
                context.Print.Note($"{role} at {place}: {why}");
            }
        }

        Print(context.Print, found, context.Shell.Time);
        return
            found.SelectMany(static one => one.Roles).Intersect(settings.Others.Keys, StringComparer.Ordinal).Count()
            == settings.Others.Count
            ? ExitCode.Ok
            : ExitCode.Unreachable;
    }

    private static async Task<VoiceStatus> AskAsync(
        ServicePlace place,
        string? secret,
        TimeProvider time,
        CancellationToken ct
    )
    {
        using var late = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
        return await VoiceStatus.AskAsync(place, secret, time, either.Token);
    }

    private static void Print(Printer print, List<VoiceStatus> found, TimeProvider time)
    {
        if (print.Json)
        {
            print.JsonLine<IReadOnlyList<VoiceStatus>>(found, Printer.Own.IReadOnlyListVoiceStatus);
            return;
        }

        var now = time.GetUtcNow();
        foreach (var service in found)
        {
            print.Line(
                $"{string.Join(", ", service.Roles)}: {service.Node}, for {Durations.Format(now - service.Since)}"
            );
            if (service.Links.Count > 0)
            {
                print.Table(
                    ["link", "call", "state", "for", "peer", "reconnects", "kept"],
                    service.Links.Select(link =>
                        (IReadOnlyList<string>)
                            [
                                link.Name,
                                link.Call ?? "all",
                                link.State,
                                Durations.Format(now - link.Since),
                                link.Peer ?? "",
                                Text(link.Reconnects),
                                link.KeptBytes == 0 ? "" : $"{Text(link.KeptBytes)} bytes",
                            ]
                    )
                );
            }

            var calls = service
                .Calls.SelectMany(static one => one.Value.Select(call => (Stage: one.Key, Call: call)))
                .ToList();
            if (calls.Count > 0)
            {
                print.Table(
                    ["call", "stage", "for", "rejoined"],
                    calls.Select(one =>
                        (IReadOnlyList<string>)
                            [one.Call.Call, one.Stage, Durations.Format(now - one.Call.Since), Text(one.Call.Rejoined)]
                    )
                );
            }

            PrintAccounts(print, service.Accounts ?? [], now);
            print.Line();
        }
    }

    private static void PrintAccounts(Printer print, IReadOnlyList<SipAccount> accounts, DateTimeOffset now)
    {
        if (accounts.Count > 0)
        {
            print.Table(
                ["user", "registrar", "registered for", "last", "next try", "last failure"],
                accounts.Select(account =>
                    (IReadOnlyList<string>)
                        [
                            account.User,
                            account.Registrar,
                            account.RegisteredSince is { } since ? Durations.Format(now - since) : "not registered",
                            account.LastRegistered is { } last ? $"{Durations.Format(now - last)} ago" : "never",
                            account.NextTry is { } next && next > now ? $"in {Durations.Format(next - now)}" : "now",
                            account is { LastFailure: { } failure, FailedAt: { } at }
                                ? $"{failure}, {Durations.Format(now - at)} ago"
                                : "",
                        ]
                )
            );
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
