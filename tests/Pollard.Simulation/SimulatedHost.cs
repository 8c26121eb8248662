using System.Buffers;
using System.Text;
using Pollard.Protocol;
using Pollard.Protocol.HostLink;
using Pollard.Tasks;
using Pollard.Tasks.Dispatch;

namespace Pollard.Simulation;

/// <summary>
/// A host and its link: keeps what is not acknowledged, comes back after its link or the gateway broke, says things twice, and
/// sometimes dies with all that it had. Messages of one session arrive late but in order, as on a TCP connection.
/// </summary>
internal sealed class SimulatedHost(string id, int slots, string[] models, string[] resumes, Random random)
{
    private const int Window = 3; // Sessions whose words may still be under way.
    private readonly Dictionary<string, Work> _works = new(StringComparer.Ordinal);
    private Session? _session;

    public string Id { get; } = id;

    public bool IsConnected => _session is not null;

    public int Slots { get; } = slots;

    /// <summary>Hears of each offer when the gateway makes it.</summary>
    public Action<Attempt> Offered { get; init; } = static _ => { };

    public bool Resumes(string model) => resumes.Contains(model);

    public void Connect(TaskEngine engine)
    {
        var session = new Session(this);
        session.Connection = engine.Hosts.Connect(
            new HostDescription
            {
                Id = Id,
                Name = Id,
                Slots = Slots,
                Models =
                [
                    .. models.Select(name => new ModelInfo
                    {
                        Name = name,
                        Loaded = models.Length == 1 || random.Next(2) == 0,
                        Capabilities = resumes.Contains(name) ? [ModelInfo.Resume] : [ModelInfo.Prefill],
                    }),
                ],
                Silence = TimeSpan.FromSeconds(12),
            },
            session
        );
        _session = session;
        foreach (var work in _works.Values.ToArray())
        {
            if (session.Connection.Resume(work.Token, work.Acknowledged) is not { } attempt)
            {
                _works.Remove(work.Token);
                continue;
            }

            work.Attempt = attempt;
            work.Sent = attempt.NextSeq;
            work.EndSent = false;
        }

        session.Connection.Ready();
    }

    /// <summary>The link breaks: all that is under way is lost. The gateway notices at once or by silence.</summary>
    public void BreakLink(bool gatewayNotices)
    {
        if (_session is { } session)
        {
            _session = null;
            session.Down.Clear();
            session.Up.Clear();
            if (gatewayNotices)
            {
                session.Connection!.Disconnect();
            }
        }
    }

    /// <summary>The machine dies and forgets everything.</summary>
    public void Die()
    {
        BreakLink(gatewayNotices: random.Next(2) == 0);
        _works.Clear();
    }

    /// <summary>Does one thing that a host does.</summary>
    public void Step()
    {
        if (_session is not { } session)
        {
            return;
        }

        switch (random.Next(6))
        {
            case 0:
                Arrive(session.Down);
                break;
            case 1 when session.Up.Count > 0:
                session.Connection!.Touch();
                Arrive(session.Up);
                break;
            case 2 when _works.Count > 0:
                WorkOn(_works.Values.ElementAt(random.Next(_works.Count)));
                break;
            case 3 when _works.Count > 0:
                SendAgain(session, _works.Values.ElementAt(random.Next(_works.Count)));
                break;
            case 4:
                session.Up.Enqueue(session.Connection!.Touch);
                break;
            default:
                Send(session);
                break;
        }
    }

    // A read brings one message or many: a link that brought one at a time would fall behind for ever.
    private void Arrive(Queue<Action> messages)
    {
        for (var count = random.Next(messages.Count + 1); count > 0 && messages.Count > 0; count--)
        {
            messages.Dequeue()();
        }
    }

    private bool StartsOver() => random.Next(3) == 0;

    // One more piece of output, or the end.
    private void WorkOn(Work work)
    {
        if (work.Ended)
        {
            return;
        }

        if (work.SaysAgain.TryDequeue(out var piece))
        {
            work.Output.Add(piece);
        }
        else if (work.Next < 6 && random.Next(4) != 0)
        {
            work.Output.Add($"{work.Fingerprint}.{work.Next} ");
        }
        else
        {
            work.Ended = true;
            work.Fails = random.Next(8) == 0;
        }
    }

    private void Send(Session session)
    {
        foreach (var work in _works.Values)
        {
            while (work.Sent < work.Output.Count)
            {
                SendOutput(session, work, work.Sent++);
            }

            if (work is { Ended: true, EndSent: false })
            {
                work.EndSent = true;
                SendEnd(session, work);
            }
        }
    }

    private static void SendAgain(Session session, Work work)
    {
        if (work.Sent > work.Acknowledged)
        {
            SendOutput(session, work, work.Acknowledged);
        }

        if (work.EndSent)
        {
            SendEnd(session, work);
        }
    }

    private static void SendOutput(Session session, Work work, int seq)
    {
        var attempt = work.Attempt;
        var text = work.Output[seq];
        session.Up.Enqueue(() =>
        {
            var outcome = attempt.Append(
                seq,
                DeltaKind.Content,
                0,
                new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(text))
            );
            Assert.NotEqual(AppendOutcome.Gap, outcome);
            attempt.Flush();
        });
    }

    private static void SendEnd(Session session, Work work)
    {
        var attempt = work.Attempt;
        var seq = work.Output.Count;
        var fails = work.Fails;
        session.Up.Enqueue(() =>
        {
            var outcome = fails
                ? attempt.Fail(
                    seq,
                    new Messages.Fail
                    {
                        Code = "backend_error",
                        Message = "it broke",
                        Retryable = true,
                    }
                )
                : attempt.Finish(seq, new Messages.Finish { FinishReasons = ["stop"] });
            Assert.NotEqual(AppendOutcome.Gap, outcome);
        });
    }

    private sealed class Work(Attempt attempt, string fingerprint)
    {
        private readonly int _written = attempt.Continue?.Text.Count(static letter => letter == ' ') ?? 0;

        public Attempt Attempt { get; set; } = attempt;

        public string Token { get; } = attempt.Token;

        public string Fingerprint { get; } = fingerprint;

        /// <summary>What a host says first that gives an answer anew, whatever it was told: nobody may see that.</summary>
        public Queue<string> SaysAgain { get; } = new();

        public List<string> Output { get; } = [];

        /// <summary>The number of the answer's next piece: others may have written the first ones.</summary>
        public int Next => _written + Output.Count;

        public int Sent { get; set; }

        public int Acknowledged { get; set; }

        public bool Ended { get; set; }

        public bool Fails { get; set; }

        public bool EndSent { get; set; }
    }

    private sealed class Session(SimulatedHost host) : IHostSink
    {
        public DispatchHost? Connection { get; set; }

        public Queue<Action> Down { get; } = new();

        public Queue<Action> Up { get; } = new();

        private bool IsCurrent => ReferenceEquals(host._session, this);

        public void Offer(Attempt attempt)
        {
            host.Offered(attempt);
            Later(() =>
            {
                if (host._works.Count >= host.Slots + Window)
                {
                    Up.Enqueue(() => attempt.Refuse("busy", "no slot is free"));
                    return;
                }

                var work = new Work(attempt, $"{host.Id}-{host._works.Count}-{attempt.Token[^4..]}");
                host._works[attempt.Token] = work;
                if (attempt.Continue is { Text: { Length: >= SeamGuard.Least } text } && host.StartsOver())
                {
                    foreach (var piece in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                    {
                        work.SaysAgain.Enqueue(piece + " ");
                    }
                }

                Up.Enqueue(attempt.Accept);
            });
        }

        public void Cancel(Attempt attempt, string reason) =>
            Later(() =>
            {
                host._works.Remove(attempt.Token);
                Up.Enqueue(attempt.Free);
            });

        public void Fenced(Attempt attempt) => Later(() => host._works.Remove(attempt.Token));

        public void Acknowledge(Attempt attempt, int nextSeq) =>
            Later(() =>
            {
                if (host._works.TryGetValue(attempt.Token, out var work))
                {
                    work.Acknowledged = Math.Max(work.Acknowledged, Math.Min(nextSeq, work.Output.Count));
                    if (work.EndSent && nextSeq > work.Output.Count)
                    {
                        host._works.Remove(attempt.Token);
                    }
                }
            });

        public void Credit(Attempt attempt, int bytes) { }

        public TimeSpan? SinceOfferLeft(Attempt attempt) => TimeSpan.MaxValue;

        public void Close(string code, string reason)
        {
            if (IsCurrent)
            {
                host._session = null;
            }
        }

        private void Later(Action arrive)
        {
            if (IsCurrent || host._session is null)
            {
                Down.Enqueue(arrive);
            }
        }
    }
}
