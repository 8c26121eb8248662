namespace Pollard.Voice.Tests.Legs;

/// <summary>Messages that are almost right.</summary>
internal static class Mutation
{
    /// <summary>Turns, cuts, doubles and fills in.</summary>
    public static byte[] Of(byte[] seed, Random random)
    {
        List<byte> bytes = [.. seed];
        for (var i = random.Next(1, 6); i > 0; i--)
        {
            var at = random.Next(bytes.Count);
            var count = Math.Min(random.Next(1, 20), bytes.Count - at);
            switch (random.Next(4))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1 when bytes.Count > count:
                    bytes.RemoveRange(at, count);
                    break;
                case 2:
                    bytes.InsertRange(at, bytes.GetRange(at, count));
                    break;
                default:
                    bytes.InsertRange(at, "<>\"\\;,:=\r\n "u8[random.Next(11)..].ToArray());
                    break;
            }
        }

        return [.. bytes];
    }
}
