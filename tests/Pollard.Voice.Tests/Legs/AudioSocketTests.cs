using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Pollard.Testing;
using Pollard.Voice.Audio;
using Pollard.Voice.Legs;
using Pollard.Voice.Legs.AudioSockets;
using Pollard.Voice.Tests.Audio;

namespace Pollard.Voice.Tests.Legs;

/// <summary>Calls as Asterisk brings them, by a client that writes the bytes itself, with a clock that the test turns.</summary>
public sealed class AudioSocketTests : IAsyncDisposable
{
    private static readonly Guid Id = Guid.Parse("019a3c5e-7b1d-7e6a-9c42-2f1e8d3b5a70");
    private readonly JumpingClock _time = new(DateTimeOffset.UnixEpoch);
    private readonly FrameClock _clock;
    private readonly AudioSocketSource _source;
    private readonly Task _taking;
    private readonly EarLog _ear = new();
    private readonly CancellationTokenSource _over = new();
    private readonly List<TcpClient> _clients = [];

    public AudioSocketTests()
    {
        _clock = new FrameClock(_time, NullLogger.Instance);
        var settings = new AudioSocketSettings
        {
            At = new IPEndPoint(IPAddress.Loopback, 0),
            MostCalls = 3,
            MostSilence = TimeSpan.FromHours(1), // The test's clock may run far ahead of its sockets.
        };
        _source = new AudioSocketSource(settings, _clock, _time, NullLogger.Instance);
        _taking = _source.RunAsync(_over.Token);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        _clients.ForEach(static client => client.Dispose()); // First: with a clock that stands still they are waited for.
        await _over.CancelAsync();
        await _taking.WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, CancellationToken.None);
        await _source.DisposeAsync();
        _clock.Dispose();
        _over.Dispose();
    }

    [Fact]
    public async Task A_call_is_heard_and_spoken_to_until_it_hangs_up()
    {
        var (client, leg, running) = await CallAsync();
        Assert.Equal("019a3c5e-7b1d-7e6a-9c42-2f1e8d3b5a70", leg.Call.ToString());
        var tone = Sound.Tone(0.2f, 0.4, G711.Rate);
        var pcm = new byte[tone.Length * 2];
        Samples.Encode(SampleEncoding.Pcm16, tone, pcm);

        foreach (var frame in pcm.Chunk(320))
        {
            await WriteAsync(client, AudioSocketKind.Sound, frame);
        }

        foreach (var key in "12#x")
        {
            await WriteAsync(client, AudioSocketKind.Key, (byte)key);
        }

        await WriteAsync(client, (AudioSocketKind)0x42, 1, 2, 3); // Not known to us.
        var source = new PlayoutSource(leg.Playout);
        await source.AddAsync(new SoundChunk(pcm, SampleEncoding.Pcm16, G711.Rate), new SpeechMark(1, 0, 1), Token);
        await source.EndAsync(Token);
        await _ear.UntilAsync(ear => ear.Samples.Length >= tone.Length); // Or the clock would put silence between.
        Tick(25);
        var spoken = new List<byte>();
        while (spoken.Count < 25 * 320)
        {
            var (kind, payload) = await ReadAsync(client);
            Assert.Equal((AudioSocketKind.Sound, 320), (kind, payload.Length));
            spoken.AddRange(payload);
        }

        await WriteAsync(client, AudioSocketKind.Hangup);
        Assert.Equal("the caller hung up", await running);
        Assert.InRange(Tones.Share(Decode([.. spoken]).AsSpan(0, tone.Length), 400), 0.99, 1.01);
        Assert.InRange(Tones.Share(_ear.Samples.AsSpan(0, tone.Length), 400), 0.99, 1.01);
        Assert.Equal("12#", _ear.Keys);
    }

    [Fact]
    public async Task Who_ends_it_here_tells_the_other_side()
    {
        using var ending = new CancellationTokenSource();
        var (client, _, running) = await CallAsync(ending: ending);

        await ending.CancelAsync();

        Assert.Equal("this side has ended it", await running);
        await WriteAsync(client, AudioSocketKind.Sound, new byte[320]); // It does not know yet.
        Assert.Equal(AudioSocketKind.Hangup, (await ReadAsync(client)).Kind);
        Assert.Equal(0, await client.GetStream().ReadAsync(new byte[1], Token));
    }

    [Theory]
    [InlineData(new byte[] { 0x12, 0x00, 0x02, 1, 2 }, "more than 8000 samples a second (kind 0x12)")]
    [InlineData(new byte[] { 0xFF, 0x00, 0x01, 4 }, "failed, with code 4")]
    [InlineData(new byte[] { 0x10, 0xFF, 0xFF }, "a frame has 65535 bytes")]
    [InlineData(new byte[] { 0x10, 0x01 }, "the connection is lost")]
    public async Task What_is_not_as_agreed_ends_the_call_and_says_why(byte[] bytes, string reason)
    {
        var (client, _, running) = await CallAsync();

        await client.GetStream().WriteAsync(bytes, Token);
        client.Client.Shutdown(SocketShutdown.Send);

        Assert.Contains(reason, await running, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_does_not_say_whose_call_it_is_is_let_go()
    {
        var wrong = await ConnectAsync();
        await WriteAsync(wrong, AudioSocketKind.Id, 1, 2, 3);
        Assert.Equal(AudioSocketKind.Hangup, (await ReadAsync(wrong)).Kind);
        var silent = await ConnectAsync();
        await CallAsync(); // The one before has been accepted by then, since they are in order.

        var gone = silent.GetStream().ReadAsync(new byte[1], Token).AsTask();
        while (!gone.IsCompleted)
        {
            _time.Advance(TimeSpan.FromSeconds(5));
            await Task.Yield();
        }

        Assert.Equal(0, await gone);
    }

    [Fact]
    public async Task A_call_that_is_here_already_is_refused()
    {
        await CallAsync();
        var twice = await ConnectAsync();
        await WriteAsync(twice, AudioSocketKind.Id, Id.ToByteArray(bigEndian: true));

        Assert.Equal(AudioSocketKind.Hangup, (await ReadAsync(twice)).Kind);
        Assert.Equal(0, await twice.GetStream().ReadAsync(new byte[1], Token));
    }

    [Fact]
    public async Task A_call_has_a_number_where_existing_services_need_it_and_without_one_it_is_refused()
    {
        var numbers = new CallNumbers();
        var settings = new AudioSocketSettings { At = new IPEndPoint(IPAddress.Loopback, 0), Numbers = numbers };
        await using var source = new AudioSocketSource(settings, _clock, _time, NullLogger.Instance);
        var taking = source.RunAsync(_over.Token);
        using var first = new TcpClient();
        await first.ConnectAsync(source.At, Token);
        await WriteAsync(first, AudioSocketKind.Id, Id.ToByteArray(bigEndian: true));
        var leg = await source.Came.ReadAsync(Token);
        Assert.Equal("4", leg.Call.ToString());
        while (numbers.Take() is not null)
        {
            // Others have them.
        }

        using var second = new TcpClient();
        await second.ConnectAsync(source.At, Token);
        await WriteAsync(second, AudioSocketKind.Id, Guid.CreateVersion7().ToByteArray(bigEndian: true));
        Assert.Equal(AudioSocketKind.Hangup, (await ReadAsync(second)).Kind);

        first.Dispose();
        await leg.DisposeAsync();
        await _over.CancelAsync();
        await taking.WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, Token);
        Assert.Equal("4", numbers.Take().ToString());
    }

    [Fact]
    public async Task A_call_too_many_is_refused()
    {
        await CallAsync();
        await CallAsync(Guid.CreateVersion7());
        await CallAsync(Guid.CreateVersion7());

        var fourth = await ConnectAsync();

        Assert.Equal(0, await fourth.GetStream().ReadAsync(new byte[1], Token));
    }

    [Fact]
    public async Task Who_never_reads_loses_its_sound_and_then_its_call_and_nobody_elses()
    {
        var (_, _, deaf) = await CallAsync();
        var (other, _, running) = await CallAsync(Guid.CreateVersion7());

        for (var ticks = 0; !deaf.IsCompleted && ticks < 100_000; ticks++) // The kernels keep some for it.
        {
            await WriteAsync(other, AudioSocketKind.Sound, 0, 0);
            Tick(1);
            Assert.Equal(AudioSocketKind.Sound, (await ReadAsync(other)).Kind);
        }

        Assert.Equal("the other side has read nothing for 5 s", await deaf);
        Assert.False(running.IsCompleted);
    }

    [Fact]
    public async Task Any_bytes_end_a_connection_and_not_the_source()
    {
        var random = new Random(3);
        for (var i = 0; i < 200; i++)
        {
            using var client = await ConnectAsync();
            var bytes = new byte[random.Next(2_000)];
            random.NextBytes(bytes);
            await client.GetStream().WriteAsync(bytes, Token);
        }

        TcpClient? taken = null;
        while (taken is null) // Until those before have been let go.
        {
            var client = await ConnectAsync();
            await WriteAsync(client, AudioSocketKind.Id, Id.ToByteArray(bigEndian: true));
            using var within = CancellationTokenSource.CreateLinkedTokenSource(Token);
            within.CancelAfter(TimeSpan.FromSeconds(1));
            try
            {
                if (await _source.Came.ReadAsync(within.Token) is { } leg)
                {
                    await leg.DisposeAsync();
                    taken = client;
                }
            }
            catch (OperationCanceledException) when (!Token.IsCancellationRequested)
            {
                client.Dispose();
            }
        }
    }

    private static float[] Decode(byte[] pcm)
    {
        var samples = new float[pcm.Length / 2];
        Samples.Decode(SampleEncoding.Pcm16, pcm, samples);
        return samples;
    }

    private static async Task WriteAsync(TcpClient client, AudioSocketKind kind, params byte[] payload)
    {
        var frame = AudioSocketFrame.New(kind, payload.Length);
        payload.CopyTo(frame, AudioSocketFrame.HeadBytes);
        await client.GetStream().WriteAsync(frame, Token);
    }

    private static async Task<(AudioSocketKind Kind, byte[] Payload)> ReadAsync(TcpClient client)
    {
        using var late = CancellationTokenSource.CreateLinkedTokenSource(Token);
        late.CancelAfter(TimeSpan.FromSeconds(60));
        var head = new byte[3];
        await client.GetStream().ReadExactlyAsync(head, late.Token);
        var payload = new byte[BinaryPrimitives.ReadUInt16BigEndian(head.AsSpan(1))];
        await client.GetStream().ReadExactlyAsync(payload, late.Token);
        return ((AudioSocketKind)head[0], payload);
    }

    private async Task<TcpClient> ConnectAsync()
    {
        var client = new TcpClient { ReceiveBufferSize = 4_096 };
        _clients.Add(client);
        await client.ConnectAsync(_source.At, Token);
        return client;
    }

    private async Task<(TcpClient Client, ICallLeg Leg, Task<string> Running)> CallAsync(
        Guid? id = null,
        CancellationTokenSource? ending = null
    )
    {
        var client = await ConnectAsync();
        await WriteAsync(client, AudioSocketKind.Id, (id ?? Id).ToByteArray(bigEndian: true));
        var leg = await _source
            .Came.ReadAsync(Token)
            .AsTask()
            .WaitAsync(TimeSpan.FromSeconds(60), TimeProvider.System, Token);
        return (client, leg, RunAsync());

        async Task<string> RunAsync()
        {
            using var over = CancellationTokenSource.CreateLinkedTokenSource(
                _over.Token,
                ending?.Token ?? CancellationToken.None
            );
            await using (leg)
            {
                return await leg.RunAsync(_ear, over.Token);
            }
        }
    }

    private void Tick(int frames)
    {
        for (var i = 0; i < frames; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(20));
            _clock.GiveDue();
        }
    }
}
