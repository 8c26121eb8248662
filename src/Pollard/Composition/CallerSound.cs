using System.Net;
using System.Net.Sockets;
using Pollard.Commands;
using Pollard.Configuration;
using Pollard.Voice.Audio;
using Pollard.Voice.Legs;
using Pollard.Voice.Legs.Rtp;

namespace Pollard.Composition;

/// <summary>A caller that is a file, a pipe or a place in the net, with all that is open for it.</summary>
internal sealed class CallerSound : IAsyncDisposable
{
    private static readonly TimeSpan MostSilence = TimeSpan.FromSeconds(30); // As of phones.
    private static readonly TimeSpan ConnectWithin = TimeSpan.FromSeconds(10);
    private readonly Stack<IAsyncDisposable> _owned = [];
    private ICallLeg? _leg;
    private readonly TaskCompletionSource _never = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private EndingSound? _said;

    private CallerSound() { }

    /// <summary>The way to the caller.</summary>
    public ICallLeg Leg => _leg!; // Set before anybody has this.

    /// <summary>Ends when the caller has said all, where that is known.</summary>
    public Task Ended => _said?.Ended ?? _never.Task;

    /// <summary>A caller who speaks. One who connects is waited for.</summary>
    /// <exception cref="UsageException">A file is none that can be heard.</exception>
    /// <exception cref="IOException">A port cannot be used.</exception>
    public static Task<CallerSound> FromAsync(
        SoundPlace place,
        SingleCall call,
        CommandContext context,
        CancellationToken ct
    ) =>
        OpenAsync(async sound =>
        {
            if (place.Rtp is { } at)
            {
                var leg = sound.Own(
                    new RtpInLeg(call.Id, at, VoiceOptions.Allows(context.Settings), call.Clock, call.Logger)
                );
                context.Print.Hint($"Hears the caller by {leg.Caller}");
                return leg;
            }

            var (input, caller, mostSilence) = place switch
            {
                { Wav: { } path } => (await sound.OpenWavAsync(path, ct), path, (TimeSpan?)null),
                { Tcp: { } door } => (
                    Raw(sound.Own(await AcceptAsync(door, call, context, ct)), place.Format),
                    $"TCP at {door}",
                    MostSilence
                ),
                _ => (Raw(sound.Own(Console.OpenStandardInput()), place.Format), "a pipe", null),
            };
            return sound.Own(
                new SoundLeg(
                    call.Id,
                    caller,
                    sound.Say(input, mostSilence, context.Shell.Time),
                    null,
                    G711Law.Mu,
                    call.Clock
                )
            );
        });

    /// <summary>A caller who hears.</summary>
    /// <exception cref="UsageException">A file cannot be written.</exception>
    /// <exception cref="CommandFailedException">Nobody listens at a place.</exception>
    public static Task<CallerSound> ToAsync(SoundPlace place, SingleCall call, CancellationToken ct) =>
        OpenAsync(async sound =>
        {
            var (law, encoding) = (place.Format.Law, place.Format.Encoding);
            if (place.Rtp is { } to)
            {
                return sound.Own(new RtpOutLeg(call.Id, to, law, call.Clock));
            }

            var (output, caller) = place switch
            {
                { Wav: { } path } => (await sound.CreateWavAsync(path, law, ct), path),
                { Tcp: { } at } => (
                    FrameWriters.Raw(sound.Own(await ConnectAsync(at, call, ct)), encoding, law),
                    $"TCP to {at}"
                ),
                _ => (FrameWriters.Raw(sound.Own(Console.OpenStandardOutput()), encoding, law), "a pipe"),
            };
            return sound.Own(new SoundLeg(call.Id, caller, input: null, output, law, call.Clock));
        });

    /// <summary>A caller who speaks by a file, and hears by another, or not at all.</summary>
    /// <exception cref="UsageException">A file cannot be heard, or written.</exception>
    public static Task<CallerSound> BothAsync(
        string said,
        string? heard,
        SingleCall call,
        TimeProvider time,
        CancellationToken ct
    ) =>
        OpenAsync(async sound =>
        {
            var input = sound.Say(await sound.OpenWavAsync(said, ct), mostSilence: null, time);
            var output = heard is null ? null : await sound.CreateWavAsync(heard, G711Law.Mu, ct);
            return sound.Own(new SoundLeg(call.Id, said, input, output, G711Law.Mu, call.Clock));
        });

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        while (_owned.TryPop(out var last))
        {
            await last.DisposeAsync();
        }
    }

    private static async Task<CallerSound> OpenAsync(Func<CallerSound, Task<ICallLeg>> open)
    {
        var sound = new CallerSound();
        try
        {
            sound._leg = await open(sound);
            return sound;
        }
        catch
        {
            await sound.DisposeAsync();
            throw;
        }
    }

    private static SoundInput Raw(Stream stream, SoundFormat format) =>
        new(new RawReader(stream, format.Encoding).ReadAsync, format.Rate);

    private static async Task<NetworkStream> AcceptAsync(
        IPEndPoint at,
        SingleCall call,
        CommandContext context,
        CancellationToken ct
    )
    {
        using var listener = new LegListener(
            at,
            VoiceOptions.Allows(context.Settings),
            most: 1,
            context.Shell.Time,
            call.Logger
        );
        context.Print.Hint($"Waits for the caller's connection at {listener.At}");
        return new NetworkStream(await listener.AcceptAsync(ct), ownsSocket: true);
    }

    private static async Task<NetworkStream> ConnectAsync(IPEndPoint at, SingleCall call, CancellationToken ct)
    {
        var socket = new Socket(at.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            using var late = CancellationTokenSource.CreateLinkedTokenSource(ct);
            late.CancelAfter(ConnectWithin);
            await socket.ConnectAsync(at, late.Token);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            socket.Dispose();
            ct.ThrowIfCancellationRequested();
            var why = e is SocketException ? e.Message : "it does not answer";
            throw new CommandFailedException($"Call {call.Id} cannot be heard at {at}: {why}", e);
        }
    }

    private SoundInput Say(SoundInput input, TimeSpan? mostSilence, TimeProvider time)
    {
        _said = new EndingSound(input.Read, mostSilence, time);
        return input with { Read = _said.ReadAsync, Stays = true };
    }

    private async Task<SoundInput> OpenWavAsync(string path, CancellationToken ct) =>
        await VoiceLegOptions.WavInputAsync(Own(VoiceLegOptions.OpenRead(path)), path, ct);

    private async Task<FrameTaker> CreateWavAsync(string path, G711Law law, CancellationToken ct)
    {
        var file = Own(VoiceLegOptions.Create(path));
        return FrameWriters.Wav(Own(await WavWriter.CreateAsync(file, SampleEncoding.Pcm16, G711.Rate, ct)), law);
    }

    private T Own<T>(T one)
        where T : IAsyncDisposable
    {
        _owned.Push(one);
        return one;
    }
}
