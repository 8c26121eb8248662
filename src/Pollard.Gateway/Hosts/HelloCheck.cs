using System.Buffers;
using System.IO.Pipelines;
using Pollard.Gateway.Http;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;

namespace Pollard.Gateway.Hosts;

/// <summary>Believes no hello: everything in it is held against its bounds before anybody acts on it.</summary>
internal static class HelloCheck
{
    private const int MostWords = 64;
    private const int MostWordCharacters = 100;
    private const int MostTokenCharacters = 256;
    private const int MostReasonCharacters = 200;
    private const double MostRestSeconds = 366 * 24 * 3600;
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(10);

    /// <summary>Waits for the first frame and leaves it where it is, so that its signature can be checked before the session reads it.</summary>
    /// <returns>The hello's payload, or null when the stream ended before it was whole.</returns>
    /// <exception cref="LinkException">The first frame is no hello.</exception>
    public static async Task<byte[]?> PeekAsync(PipeReader input, CancellationToken ct)
    {
        while (true)
        {
            var read = await input.ReadAsync(ct);
            var buffer = read.Buffer;
            var rest = buffer;
            if (FrameReader.TryRead(ref rest, out var frame))
            {
                var payload = frame.Header.Type == FrameType.Hello ? frame.Payload.ToArray() : null;
                input.AdvanceTo(buffer.Start);
                return payload ?? throw new LinkException("a link begins with a hello");
            }

            input.AdvanceTo(buffer.Start, buffer.End);
            if (read.IsCompleted || read.IsCanceled)
            {
                return null;
            }
        }
    }

    /// <summary>The same, for at most ten seconds; null also when they are over.</summary>
    public static async Task<byte[]?> PeekInTimeAsync(PipeReader input, TimeProvider time, CancellationToken ct)
    {
        // Its own timer, which knows when the source is gone: a hello may come in the last moment.
        using var late = new CancellationTokenSource(Within, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ct);
        try
        {
            return await PeekAsync(input, either.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>Reads a hello.</summary>
    /// <param name="payload">The frame's payload.</param>
    /// <param name="isLocal">True for an agent in this process, which alone may say that it has any model.</param>
    /// <exception cref="LinkException">The hello lies or overflows; the message says where.</exception>
    public static Messages.Hello Read(in ReadOnlySequence<byte> payload, bool isLocal)
    {
        var hello = LinkJson.Read(payload, ProtocolJson.Default.Hello);
        Require(
            hello.ProtocolMin <= LinkLimits.ProtocolVersion && hello.ProtocolMax >= LinkLimits.ProtocolVersion,
            $"the host speaks versions {hello.ProtocolMin} to {hello.ProtocolMax} of the link, this gateway {LinkLimits.ProtocolVersion}"
        );
        Require(IsWord(hello.BootId), "boot_id must have 1 to 100 printable characters");
        RequireSlots(hello.Slots);
        RequireModels(hello.Models, isLocal);
        Require(hello.Name is null || IsWord(hello.Name), "name must have 1 to 100 printable characters");
        Require(hello.Agent is null || IsWord(hello.Agent), "agent must have 1 to 100 printable characters");
        Require(hello.Role is null or "worker" or "fallback", "role must be worker or fallback");
        RequireWords(hello.Features, "features");
        RequireWords(hello.Labels, "labels");
        Require(hello.IdleHeartbeatSeconds is null or (>= 5 and <= 60), "idle_heartbeat_seconds must be 5 to 60");
        RequireRest(hello.Rest);
        RequireResumes(hello.Resume ?? []);
        return hello;
    }

    /// <summary>Holds a number of slots against its bounds.</summary>
    /// <exception cref="LinkException">It is out of them.</exception>
    public static void RequireSlots(int slots) =>
        Require(slots is >= 0 and <= LinkLimits.Slots, $"slots must be 0 to {LinkLimits.Slots}, not {slots}");

    /// <summary>Holds a list of models against its bounds.</summary>
    /// <exception cref="LinkException">It is out of them.</exception>
    public static void RequireModels(IReadOnlyList<ModelInfo>? models, bool isLocal)
    {
        Require(models is not null, "models is missing");
        Require(
            models.Count <= LinkLimits.Models,
            $"a host may name {LinkLimits.Models} models, this one names {models.Count}"
        );
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var model in models)
        {
            Require(
                model is not null
                    && (LinkLimits.IsModelName(model.Name) || (isLocal && model.Name is "*"))
                    && names.Add(model.Name),
                "a model's name is missing, there twice, over 100 characters, or has others than letters, digits and ._-:/@+"
            );
            RequireWords(model.Kinds, "kinds");
            RequireWords(model.Capabilities, "capabilities");
            RequireDescription(model);
        }
    }

    /// <summary>Holds why a host takes no work against its bounds.</summary>
    /// <exception cref="LinkException">It is out of them.</exception>
    public static void RequireRest(Messages.Rest? rest) =>
        Require(
            rest is null
                || (
                    IsWord(rest.Code)
                    && rest.Reason?.Length <= MostReasonCharacters
                    && PlainText.Is(rest.Reason)
                    && rest.Seconds is null or (>= 0 and <= MostRestSeconds)
                ),
            $"rest needs a code, a reason of at most {MostReasonCharacters} printable characters, and may have seconds up to a year"
        );

    // Clients and people are shown all of it.
    private static void RequireDescription(ModelInfo model)
    {
        string?[] said = [model.Engine, model.Digest, model.Quantization, model.Family, model.ParameterSize];
        Require(
            said.All(static text => text is not { Length: > 0 } || IsWord(text))
                && model is { SizeBytes: null or >= 0, Context: null or > 0 },
            $"engine, digest, quantization, family and parameter_size of a model may have {MostWordCharacters} printable characters, its size must be at least 0 and its context above it"
        );
    }

    private static void RequireResumes(IReadOnlyList<Messages.Resume> resumes)
    {
        Require(
            resumes.Count <= LinkLimits.Resumes,
            $"a hello may resume {LinkLimits.Resumes} attempts, this one names {resumes.Count}"
        );
        var attempts = new HashSet<string>(StringComparer.Ordinal);
        foreach (var resume in resumes)
        {
            Require(
                resume is { Attempt.Length: > 0 and <= MostTokenCharacters, LastAckedSeq: >= 0 }
                    && resume.LastSentSeq >= resume.LastAckedSeq
                    && resume.LastSentSeq <= int.MaxValue
                    && attempts.Add(resume.Attempt),
                "resume needs the token of an attempt, each once, and numbers with 0 <= last_acked_seq <= last_sent_seq"
            );
        }
    }

    private static void RequireWords(IReadOnlyList<string>? words, string member) =>
        Require(
            words is null || (words.Count <= MostWords && words.All(IsWord)),
            $"{member} may hold {MostWords} words of 1 to {MostWordCharacters} printable characters"
        );

    /// <summary>True for 1 to 100 characters that can be seen.</summary>
    public static bool IsWord(string? word) => word is { Length: > 0 and <= MostWordCharacters } && PlainText.Is(word);

    /// <summary>Ends the link when this does not hold.</summary>
    /// <exception cref="LinkException">It does not.</exception>
    public static void Require([System.Diagnostics.CodeAnalysis.DoesNotReturnIf(false)] bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new LinkException(otherwise);
        }
    }
}
