using Pollard.Configuration;
using Pollard.Gateway;

namespace Pollard.Tests.Configuration;

public sealed class TrustedProxiesTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("pollard-tests").FullName;

    public void Dispose() => Directory.Delete(_data, recursive: true);

    [Fact]
    public void Addresses_and_networks_are_named_and_turn_keys_on()
    {
        var options = Read("10.0.0.7,172.18.0.0/16", "fd00::1");

        Assert.Equal(
            ["10.0.0.7/32", "172.18.0.0/16", "fd00::1/128"],
            options.TrustedProxies.Select(network => network.ToString())
        );
        Assert.True(options.KeysRequired);
    }

    [Theory]
    [InlineData("0.0.0.0/0")] // Everybody is no proxy.
    [InlineData("::/0")]
    [InlineData("proxy.example.com")]
    [InlineData("10.0.0.7/33")]
    public void Anything_else_is_said_to_be_wrong(string text)
    {
        var wrong = Assert.Throws<UsageException>(() => Read(text));

        Assert.Contains($"--trusted-proxies has \"{text}\"", wrong.Message, StringComparison.Ordinal);
    }

    private GatewayOptions Read(params string[] networks)
    {
        var named = networks.SelectMany(static network => (string[])["--trusted-proxies", network]);
        var parsed = CommandLine.Build(Shell.OfProcess()).Parse(["serve", .. named, "--data", _data]);
        return GatewaySettings.ReadGateway(Settings.Read(parsed, static _ => null));
    }
}
