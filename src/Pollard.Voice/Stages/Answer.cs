using System.Text;
using Pollard.Voice.Links;

namespace Pollard.Voice.Stages;

/// <summary>What is said to a caller in a turn, and how much of it they have heard. Its owner keeps the lock.</summary>
internal sealed class Answer(uint turn, uint generation) : IDisposable
{
    private const double CharactersPerSecond = 15; // Of usual speech, in languages with an alphabet.
    private readonly CancellationTokenSource _unwanted = new();
    private readonly List<Sentence> _sentences = [];
    private TaskCompletionSource _changed = NewSignal();
    private int _next;

    /// <summary>Which utterance it answers.</summary>
    public uint Turn => turn;

    /// <summary>What its sentences are marked with.</summary>
    public uint Generation { get; private set; } = generation;

    /// <summary>The name of what was asked; null: nothing yet.</summary>
    public string? Asked { get; set; }

    /// <summary>Whether no more sentences come.</summary>
    public bool IsWritten { get; set; }

    /// <summary>Whether another process goes on with it: what was asked is still wanted.</summary>
    public bool IsLeft { get; private set; }

    /// <summary>Is cancelled when nobody wants to hear it any more.</summary>
    public CancellationToken Unwanted => _unwanted.Token;

    /// <summary>Whether all of it was heard, or will never be.</summary>
    public bool IsOver => IsWritten && Waiting == 0;

    /// <summary>Sentences that are on their way to the caller.</summary>
    public int Waiting => _sentences.Count(static sentence => !sentence.IsSettled);

    /// <summary>Those of them, for who has lost them.</summary>
    public IEnumerable<LinkFrame> OnTheirWay =>
        _sentences
            .Select(static (sentence, index) => (Number: (uint)index + 1, sentence))
            .Where(static one => !one.sentence.IsSettled)
            .Select(one => FrameOf(one.Number, one.sentence.Text));

    /// <summary>Whether the caller is being asked something: a short answer is one.</summary>
    public bool IsAsking =>
        (
            _sentences.FirstOrDefault(static sentence => !sentence.IsSettled) ?? _sentences.LastOrDefault()
        )?.Text.EndsWith('?') == true;

    /// <summary>Adds a sentence.</summary>
    /// <returns>The sentence as it is said; null: it was heard before the answer began anew.</returns>
    public LinkFrame? Add(string text)
    {
        if (++_next <= _sentences.Count)
        {
            _sentences[_next - 1].Text = text;
            return null;
        }

        _sentences.Add(new Sentence(text));
        return FrameOf((uint)_next, text);
    }

    /// <summary>These were heard already, from a process that is no more.</summary>
    /// <param name="sentences">As far as their words are known.</param>
    /// <param name="count">How many it were at least; the words of the others are known when the answer is written again.</param>
    public void HeardBefore(IReadOnlyList<string> sentences, uint count)
    {
        for (var i = 0; i < Math.Max(sentences.Count, count); i++)
        {
            _sentences.Add(new Sentence(i < sentences.Count ? sentences[i] : "") { IsSettled = true });
        }
    }

    /// <summary>The answer is written anew: what was heard stays, and is not said again.</summary>
    /// <param name="generation">What its sentences are marked with from now on.</param>
    public void BeginAnew(uint generation)
    {
        Generation = generation;
        _sentences.RemoveAll(static sentence => !sentence.IsSettled);
        _next = 0;
        Signal();
    }

    /// <summary>The caller has heard a sentence so far; null: nothing is known of it but that it is over, or it is to its end.</summary>
    /// <returns>Its words, if it is over with this.</returns>
    public string? Heard(uint number, TimeSpan? so, bool isOver)
    {
        if (number == 0 || number > _sentences.Count || _sentences[(int)number - 1] is { IsSettled: true })
        {
            return null;
        }

        var sentence = _sentences[(int)number - 1];
        sentence.Heard = so ?? sentence.Heard;
        if (!isOver)
        {
            return null;
        }

        sentence.IsSettled = true;
        Signal();
        return sentence.Text;
    }

    /// <summary>Nobody wants to hear it any more.</summary>
    public void Stop()
    {
        if (!IsWritten)
        {
            _ = _unwanted.CancelAsync(); // Whoever has the lock is not to wait for what hangs on it.
        }

        Signal();
    }

    /// <summary>This process ends; the next one hears what was asked to its end.</summary>
    public void Leave()
    {
        IsLeft = true;
        Stop();
    }

    /// <summary>Ends when a sentence is over, or the answer itself.</summary>
    public Task ChangedAsync() => _changed.Task;

    /// <summary>What the caller has heard of it; empty: nothing.</summary>
    public string Said()
    {
        var said = new StringBuilder();
        foreach (var sentence in _sentences)
        {
            var text = sentence.HeardText;
            if (text.Length > 0)
            {
                said.Append(said.Length > 0 ? " " : "").Append(text);
            }
        }

        return said.ToString();
    }

    /// <inheritdoc/>
    public void Dispose() => _unwanted.Dispose();

    private LinkFrame FrameOf(uint number, string text) =>
        new(FrameKind.Text, Encoding.UTF8.GetBytes(text), Mark: new SpeechMark(Turn, Generation, number));

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Signal() => Interlocked.Exchange(ref _changed, NewSignal()).TrySetResult();

    private sealed class Sentence(string text)
    {
        public string Text { get; set; } = text;

        /// <summary>How much of it was heard, where it is not all; null: all, or nothing yet.</summary>
        public TimeSpan? Heard { get; set; }

        public bool IsSettled { get; set; }

        /// <summary>The words that were heard; where one was cut, three dots.</summary>
        public string HeardText
        {
            get
            {
                if (Heard is not { } heard)
                {
                    return IsSettled ? Text : "";
                }

                var count = heard.TotalSeconds * CharactersPerSecond;
                if (count >= Text.Length)
                {
                    return Text;
                }

                var end = Text.LastIndexOf(' ', (int)count);
                return end > 0 ? $"{Text.AsSpan(0, end)}…" : "";
            }
        }
    }
}
