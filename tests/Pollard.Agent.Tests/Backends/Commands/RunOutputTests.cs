using Microsoft.Extensions.Time.Testing;
using Pollard.Agent.Backends.Commands;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Tests.Backends.Commands;

public sealed class RunOutputTests
{
    private readonly FakeTimeProvider _clock = new();
    private readonly RecordingOutput _target = new();
    private readonly RunOutput _output;

    public RunOutputTests() => _output = new(_target, _clock);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private IEnumerable<string> Words =>
        _target.Deltas.Where(delta => delta.Kind == DeltaKind.Progress).Select(delta => delta.Text);

    [Fact]
    public async Task A_silent_program_is_said_to_live_every_three_seconds()
    {
        await _output.PhaseAsync("tool", "Bash", Token);
        TaskCompletionSource<int> program = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var waiting = _output.AwaitAsync(program.Task, Token);

        var seconds = 0;
        for (; Words.Count() < 4; seconds++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, Token); // Lets the wait begin anew.
        }

        program.SetResult(7);
        Assert.Equal(7, await waiting);
        Assert.True(seconds >= 9, $"Three more words within {seconds} s.");
        Assert.All(Words, word => Assert.Equal("""{"phase":"tool","message":"Bash"}""", word));
    }

    [Fact]
    public async Task Text_that_grows_is_a_word_a_second_at_most_and_another_phase_is_one_at_once()
    {
        await _output.PhaseAsync("text", "a", Token);
        await _output.PhaseAsync("text", "ab", Token);
        await _output.PhaseAsync("tool", "Read", Token);
        await _output.PhaseAsync("tool", "Grep", Token);
        await _output.PhaseAsync("text", "c", Token);
        _clock.Advance(TimeSpan.FromSeconds(1));
        await _output.PhaseAsync("text", "cd", Token);
        await _output.PhaseAsync("text", "cd", Token);

        Assert.Equal(["a", "Read", "Grep", "c", "cd"], Words.Select(word => word.Split('"')[^2]));
    }

    [Fact]
    public async Task A_long_beginning_is_cut_between_characters()
    {
        await _output.PhaseAsync("text", new string('x', 199) + "🌳", Token);

        Assert.Equal(new string('x', 199), Words.Single().Split('"')[^2]);
    }
}
