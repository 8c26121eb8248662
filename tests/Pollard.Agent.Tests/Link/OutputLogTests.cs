using System.Text;
using CsCheck;
using Pollard.Agent.Sources.Gateway;
using Pollard.Protocol.HostLink;

namespace Pollard.Agent.Tests.Link;

/// <summary>The write-ahead log of an attempt's output.</summary>
public sealed class OutputLogTests
{
    [Fact]
    public void Whatever_is_cut_and_joined_the_text_stays_whole_and_no_character_is_cut()
    {
        Gen.Char.Where(static c => !char.IsSurrogate(c))
            .Array[0, 200]
            .Array[1, 6]
            .Select(Gen.Int[1, 900])
            .Sample(
                static (pieces, times) =>
                {
                    var log = new OutputLog();
                    var expected = new StringBuilder();
                    foreach (var piece in pieces)
                    {
                        var text = string.Concat(Enumerable.Repeat(new string(piece), times));
                        expected.Append(text);
                        log.Add(DeltaKind.Content, 0, Encoding.UTF8.GetBytes(text));
                    }

                    log.Seal();
                    var strict = new UTF8Encoding(false, throwOnInvalidBytes: true);
                    var joined = new StringBuilder();
                    while (log.TryPeek(out var frame))
                    {
                        joined.Append(strict.GetString(frame.Data));
                        log.Sent();
                    }

                    return joined.Equals(expected) && log.UnsentBytes == 0;
                },
                iter: 200
            );
    }

    [Fact]
    public void Every_frame_from_the_rewound_number_on_is_sent_again_and_none_before()
    {
        Gen.Select(Gen.Int[1, 30], Gen.Int[0, 30], Gen.Int[0, 30], Gen.Int[0, 30])
            .Sample(
                static (count, sent, acknowledged, back) =>
                {
                    var log = new OutputLog();
                    for (var i = 0; i < count; i++)
                    {
                        log.Add(DeltaKind.ToolCall, 0, [(byte)i]);
                    }

                    for (var i = 0; i < Math.Min(sent, count); i++)
                    {
                        log.Sent();
                    }

                    log.Forget(acknowledged);
                    var possible = back >= Math.Min(acknowledged, count) && back <= count;
                    if (log.TryRewind(back) != possible)
                    {
                        return false;
                    }

                    for (var expected = back; possible && expected < count; expected++)
                    {
                        if (!log.TryPeek(out var frame) || frame.Data[0] != expected || log.SentSeq != expected)
                        {
                            return false;
                        }

                        log.Sent();
                    }

                    return !possible || (!log.TryPeek(out _) && log.UnsentBytes == 0);
                }
            );
    }
}
