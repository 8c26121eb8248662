using Pollard.EndToEnd.Support;

namespace Pollard.EndToEnd;

/// <summary>Where documents tell people to start servers, these start, and what is said to them works.</summary>
public sealed class DocumentedServerTests
{
    public static TheoryData<string> All() => Documents.With(static block => block.IsApart);

    [Theory]
    [MemberData(nameof(All))]
    public async Task They_work_on_a_machine_of_their_own(string document)
    {
        var blocks = Documents.BlocksOf(document).Where(static block => block.IsApart).ToList();
        while (blocks.Count > 0)
        {
            using var stage = DocumentStage.TryCreate(out var why);
            Assert.SkipWhen(stage is null, why);
            List<ShellBlock> scene = [blocks[0], .. blocks.Skip(1).TakeWhile(static block => block.GoesOn)];
            blocks.RemoveRange(0, scene.Count);
            await stage.RunAsync(
                scene[0].Where,
                [
                    .. scene[0].Before,
                    .. scene.SelectMany(static block => block.Commands.Select(static command => command.Text)),
                ]
            );
        }
    }
}
