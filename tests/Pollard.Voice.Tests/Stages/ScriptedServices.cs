using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Pollard.Client;
using Pollard.Voice.Engines;
using Pollard.Voice.Stages;

namespace Pollard.Voice.Tests.Stages;

/// <summary>Recognises what a test says it does, utterance by utterance.</summary>
internal sealed class ScriptedEars : ISpeechToText
{
    private readonly Channel<string> _words = Channel.CreateBounded<string>(10_000);
    private int _asked;

    public string Name => "ears";

    /// <summary>How often it was asked.</summary>
    public int Asked => Volatile.Read(ref _asked);

    /// <summary>What the next utterance is; empty: a noise.</summary>
    public void Will(string words) => _words.Writer.TryWrite(words);

    public async Task<Heard> HearAsync(ReadOnlyMemory<float> utterance, CancellationToken ct)
    {
        Interlocked.Increment(ref _asked);
        return Heard.Words(await _words.Reader.ReadAsync(ct));
    }
}

/// <summary>Speaks a tone, for as long as a sentence is.</summary>
internal sealed class ScriptedVoice : ITextToSpeech
{
    public const double SecondsPerCharacter = 0.02;
    private const int Rate = 16_000;

    public string Name => "voice";

    /// <summary>What it was asked to say, in order.</summary>
    public ConcurrentQueue<string> Said { get; } = [];

    /// <summary>Ends when it may give sound.</summary>
    public Task May { get; set; } = Task.CompletedTask;

    /// <summary>What it cannot say.</summary>
    public string? Fails { get; set; }

    public async Task<Spoken> SayAsync(string sentence, SoundTaker taker, CancellationToken ct)
    {
        Said.Enqueue(sentence);
        await May.WaitAsync(ct);
        if (sentence == Fails)
        {
            return Spoken.Nothing(EngineFault.Broken, "was told so");
        }

        var samples = (int)(sentence.Length * SecondsPerCharacter * Rate);
        for (var sent = 0; sent < samples; sent += 320)
        {
            var part = new float[Math.Min(320, samples - sent)];
            Array.Fill(part, 0.2f);
            await taker(new Sound(Rate, part), ct);
        }

        return new Spoken(TimeSpan.FromSeconds(samples / (double)Rate));
    }
}

/// <summary>A model that writes what a test writes.</summary>
internal sealed class ScriptedModel : ICallModel
{
    private readonly Channel<Question> _questions = Channel.CreateBounded<Question>(10_000);
    private readonly ConcurrentDictionary<string, Question> _all = [];
    private int _count;

    /// <summary>Is refused when it is asked.</summary>
    public bool Refuses { get; set; }

    /// <summary>The next question.</summary>
    public ValueTask<Question> AskedAsync() => _questions.Reader.ReadAsync(TestContext.Current.CancellationToken);

    /// <summary>How often it was asked.</summary>
    public int Count => Volatile.Read(ref _count);

    public Task<string> AskAsync(string call, IReadOnlyList<ChatTurn> talk, CancellationToken ct)
    {
        if (Refuses)
        {
            throw new PollardException(
                new Pollard.Protocol.Api.Problem
                {
                    Type = PollardException.Unreachable,
                    Title = "nobody is there",
                    Status = 503,
                }
            );
        }

        var question = new Question($"task_{Interlocked.Increment(ref _count)}", talk);
        _all[question.Id] = question;
        _questions.Writer.TryWrite(question);
        return Task.FromResult(question.Id);
    }

    public async IAsyncEnumerable<ChatUpdate> HearAsync(string asked, [EnumeratorCancellation] CancellationToken ct)
    {
        for (var i = 0; ; i++)
        {
            if (await _all[asked].AtAsync(i, ct) is not { } update)
            {
                yield break;
            }

            yield return update;
        }
    }

    public Task CancelAsync(string asked)
    {
        _all[asked].Cancelled.TrySetResult();
        return Task.CompletedTask;
    }

    /// <summary>A question, and its answer as it is written.</summary>
    internal sealed class Question(string id, IReadOnlyList<ChatTurn> talk)
    {
        private readonly List<ChatUpdate?> _updates = [];
        private TaskCompletionSource _more = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public string Id => id;

        /// <summary>What was said so far: each a letter for who, and the words.</summary>
        public IEnumerable<string> Talk => talk.Select(static turn => $"{turn.Role[0]}: {turn.Content}");

        public TaskCompletionSource Cancelled { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Write(string text) => Add(new ChatUpdate(ChatUpdateKind.Text, text, _updates.Count));

        public void Restart() => Add(new ChatUpdate(ChatUpdateKind.Restarted, "", _updates.Count));

        public void End() => Add(null);

        public void Answer(string text)
        {
            Write(text);
            End();
        }

        public async Task<ChatUpdate?> AtAsync(int index, CancellationToken ct)
        {
            while (true)
            {
                Task more;
                lock (_updates)
                {
                    if (index < _updates.Count)
                    {
                        return _updates[index];
                    }

                    more = _more.Task;
                }

                await more.WaitAsync(ct);
            }
        }

        private void Add(ChatUpdate? update)
        {
            lock (_updates)
            {
                _updates.Add(update);
                Interlocked.Exchange(ref _more, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
            }
        }
    }
}
