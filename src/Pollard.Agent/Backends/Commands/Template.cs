using System.Buffers;
using System.Text;
using Pollard.Agent.Backends.Http;

namespace Pollard.Agent.Backends.Commands;

/// <summary>Any command: the prompt is its input or a file, its output is the answer.</summary>
internal sealed class Template(TemplateOptions options) : CommandDialect
{
    private const string PromptFile = "{prompt_file}";

    public override string Name => options.Name;

    public override string Engine => "command";

    public override string Program => options.Words[0];

    public override IReadOnlyList<string> Models => options.Models;

    public override CommandCall Call(RunContext run)
    {
        if (run.Request.Schema is not null || run.Request.IsJson)
        {
            throw new BackendException(
                CommandFailure.Unsupported("response_format", Name, "nothing is known of the shape of its answers")
            );
        }

        _ = options.Servers.Select(run.Request.Servers); // Refuses what a client names: none is passed on.
        var file = IsByFile ? run.Folder.Write("prompt.txt", Prompt(run)) : "";
        return new([
            .. options
                .Words.Skip(1)
                .Select(word =>
                    word.Replace(PromptFile, file, StringComparison.Ordinal)
                        .Replace("{model}", OwnModel(run.Model) ?? run.Model, StringComparison.Ordinal)
                        .Replace("{dir}", run.Folder.WorkingDirectory, StringComparison.Ordinal)
                ),
        ]);
    }

    public override ReadOnlyMemory<byte> Input(RunContext run) => IsByFile ? default : Prompt(run);

    private bool IsByFile => options.Words.Skip(1).Any(word => word.Contains(PromptFile, StringComparison.Ordinal));

    private static byte[] Prompt(RunContext run) => Encoding.UTF8.GetBytes(run.Request.WholePrompt());

    public override CommandReader Reader(RunContext run) => new TextReader(Name, options.LongestAnswerBytes);

    /// <summary>Output that is the answer as it comes.</summary>
    private sealed class TextReader(string name, long longestBytes) : CommandReader
    {
        private const int PieceBytes = 16 * 1024;

        public override async Task ReadAsync(Stream stream, RunOutput output, CancellationToken ct)
        {
            var decoder = Encoding.UTF8.GetDecoder(); // Keeps half a character until the other half comes.
            var bytes = ArrayPool<byte>.Shared.Rent(PieceBytes);
            var characters = ArrayPool<char>.Shared.Rent(PieceBytes + 2);
            try
            {
                var total = 0L;
                while (true)
                {
                    var read = await output.AwaitAsync(
                        stream.ReadAsync(bytes.AsMemory(0, PieceBytes), ct).AsTask(),
                        ct
                    );
                    total += read;
                    if (total > longestBytes)
                    {
                        throw new LineTooLongException(longestBytes);
                    }

                    var length = decoder.GetChars(bytes.AsSpan(0, read), characters, flush: read == 0);
                    await output.ContentAsync(new string(characters, 0, length), ct);
                    if (read == 0)
                    {
                        return;
                    }
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(bytes);
                ArrayPool<char>.Shared.Return(characters);
            }
        }

        public override ValueTask<WorkResult> EndAsync(
            int exitCode,
            string errors,
            RunOutput output,
            CancellationToken ct
        ) =>
            ValueTask.FromResult(
                exitCode == 0
                    ? WorkResult.Finished(new() { FinishReasons = ["stop"] })
                    : WorkResult.Failed(CommandFailure.Exited(name, exitCode, errors))
            );
    }
}
