using System.Net;
using Pollard.Voice.Links;

namespace Pollard.Voice.Tests.Links;

/// <summary>When it is tried again, when it is asked again, and which ports calls have.</summary>
public sealed class TimingTests
{
    [Fact]
    public void Connections_are_tried_as_existing_services_try_them()
    {
        var random = new Random(1);
        var waits = Enumerable
            .Range(1, 10)
            .Select(tried =>
                ConnectRetry.Existing.WaitAfter(tried, default, isRefusedHere: true, random)?.TotalMilliseconds
            )
            .ToList();

        Assert.Equal([200, 200, 200, 200, 200, 1_000, 1_000, 1_000, 1_000, null], waits);
        Assert.Equal([1, 5, 9], ConnectRetry.Existing.LoggedTries);
    }

    [Fact]
    public void After_the_tries_the_waits_are_drawn_from_a_range_that_grows_to_its_bound()
    {
        var (random, retry, wait) = (new Random(1), new ConnectRetry(), TimeSpan.FromSeconds(1));
        List<double> waits = [];
        for (var tried = 10; tried < 1_000; tried++)
        {
            wait = retry.WaitAfter(tried, wait, isRefusedHere: false, random)!.Value;
            waits.Add(wait.TotalSeconds);
        }

        Assert.InRange(waits[0], 1, 3);
        Assert.All(waits, static one => Assert.InRange(one, 1, 5));
        Assert.True(waits.Max() > 4.5 && waits.Distinct().Count() > 900);
    }

    [Fact]
    public void Our_own_are_tried_each_80_ms_for_ever_where_this_machine_refuses_and_within_a_second_elsewhere()
    {
        var (random, wait) = (new Random(1), TimeSpan.Zero);
        List<double> here = [];
        List<double> elsewhere = [];
        for (var tried = 1; tried < 1_000; tried++)
        {
            here.Add(ConnectRetry.Ours.WaitAfter(tried, wait, isRefusedHere: true, random)!.Value.TotalMilliseconds);
            wait = ConnectRetry.Ours.WaitAfter(tried, wait, isRefusedHere: false, random)!.Value;
            elsewhere.Add(wait.TotalMilliseconds);
        }

        Assert.All(here, static one => Assert.Equal(80, one));
        Assert.All(elsewhere[..5], static one => Assert.Equal(200, one));
        Assert.All(elsewhere[5..], static one => Assert.InRange(one, 800, 1_000));
        Assert.True(elsewhere.Distinct().Count() > 900); // Not in step with others that lost the same service.
    }

    [Fact]
    public void A_service_is_asked_five_times_in_the_first_second_and_then_each_second()
    {
        var (schedule, random, at) = (new RegisterSchedule { Jitter = 0 }, new Random(1), TimeSpan.Zero);
        List<double> asked = [];
        for (var i = 0; i < 8; i++)
        {
            asked.Add(at.TotalMilliseconds);
            at += schedule.WaitAfter(at, random);
        }

        Assert.Equal([0, 200, 400, 600, 800, 1_000, 2_000, 3_000], asked);
        var drawn = Enumerable
            .Range(0, 1_000)
            .Select(_ => new RegisterSchedule().WaitAfter(default, random).TotalMilliseconds);
        Assert.All(drawn, static wait => Assert.InRange(wait, 180, 220));
    }

    [Fact]
    public void No_two_calls_share_a_port_and_a_number_is_given_again()
    {
        var ports = new CallPorts();
        var places = Enumerable.Range(0, 1_000).Select(i => ports.Take(CallId.Parse($"call{i}"))!).ToList();

        Assert.Equal(2_000, places.SelectMany(static p => (int[])[p.InboundPort, p.OutboundPort]).Distinct().Count());
        Assert.DoesNotContain(places, static place => place.Call.Number is 0 or 1 or 2); // UDP 13000 to 13002 are the services' own.
        Assert.Null(ports.Take(CallId.Parse("one-more")));
        Assert.Equal(places[7], ports.Take(CallId.Parse("call7"))); // Its other side.
        ports.Free(CallId.Parse("call7"));
        Assert.Null(ports.Take(CallId.Parse("one-more")));
        ports.Free(CallId.Parse("call7"));
        Assert.Equal(places[7].InboundPort, ports.Take(CallId.Parse("another"))!.InboundPort);
    }

    [Fact]
    public void A_number_whose_ports_another_program_has_is_passed_over_unless_the_call_is_known_by_it()
    {
        var ports = new CallPorts();
        var (call, taken) = (CallId.Parse("a"), new HashSet<int> { 9005 });
        Assert.Equal(9007, ports.Open(call, Open));
        taken.Add(9007);
        Assert.Contains(
            "9007",
            Assert.Throws<InvalidOperationException>(() => ports.Open(call, Open)).Message,
            StringComparison.Ordinal
        );
        Assert.Equal(9009, ports.Open(CallId.Parse("b"), Open));
        taken.Clear();
        Assert.Equal(9005, ports.Open(CallId.Parse("c"), Open)); // It was no longer taken.
        Assert.Equal(9067, ports.Open(CallId.Parse("66"), Open)); // The number that its neighbours know it by.

        int Open(CallPlace place) =>
            taken.Contains(place.InboundPort)
                ? throw new LinkPortException(
                    new IPEndPoint(IPAddress.Loopback, place.InboundPort),
                    new IOException("in use")
                )
                : place.InboundPort;
    }

    [Fact]
    public void Ids_of_others_have_the_ports_that_existing_services_reckon()
    {
        var ports = new CallPorts();
        Assert.Equal((9068, 9069), Ports(ports.Of(CallId.Parse("67"))!));
        Assert.Equal((9001, 9002), Ports(ports.Of(CallId.Parse("load_test_001"))!));
        Assert.Equal(9068, ports.Of(CallId.Parse("66"))!.OutboundPort); // Why there is a map.
        Assert.Null(ports.Of(CallId.Parse("56534")));
        Assert.Null(ports.Of(CallId.Parse("4294967295")));

        static (int, int) Ports(CallPlace place) => (place.InboundPort, place.OutboundPort);
    }
}
