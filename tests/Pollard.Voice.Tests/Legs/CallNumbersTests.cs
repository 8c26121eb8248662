using Pollard.Voice.Legs;

namespace Pollard.Voice.Tests.Legs;

public sealed class CallNumbersTests
{
    [Fact]
    public void The_lowest_that_is_free_is_given_but_not_the_one_that_was_free_last()
    {
        var numbers = new CallNumbers();
        var (four, six) = (numbers.Take()!.Value, numbers.Take()!.Value);
        Assert.Equal((4u, 6u), (four.Number, six.Number));

        numbers.Free(four);
        var eight = numbers.Take()!.Value;
        Assert.Equal(8u, eight.Number);
        numbers.Free(six);
        Assert.Equal(4u, numbers.Take()?.Number);
        Assert.Equal(10u, numbers.Take()?.Number);

        List<uint?> rest = [];
        while (numbers.Take() is { } taken)
        {
            rest.Add(taken.Number);
        }

        Assert.Equal((997, 2_002u, 6u), (rest.Count, rest.Max(), rest[^1])); // It is given when there is no other.
        Assert.All(rest, static number => Assert.Equal(0u, number % 2));
        numbers.Free(eight);
        Assert.Equal(8u, numbers.Take()?.Number);
    }
}
