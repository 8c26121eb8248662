using System.Buffers;
using System.Security.Cryptography;
using Pollard.Tasks;

namespace Pollard.Storage.Tests;

public sealed class FileBodiesTests : IDisposable
{
    private static readonly TaskId Id = new(0x0659_00ec_0180_0000);
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("pollard-bodies-");

    private FileBodies Bodies => new(Path.Combine(_folder.FullName, "bodies"));

    [Fact]
    public async Task WhatIsWrittenIsReadAndItsChecksumIsThatOfAllBytes()
    {
        using var body = Bodies.Create(Id);
        body.Write(Of([1, 2, 3]));
        body.Write(Of([4]));
        await body.FlushAsync();

        Assert.Equal(4, body.Length);
        Assert.Equal(SHA256.HashData([1, 2, 3, 4]), body.Checksum());
        Assert.Equal([1, 2, 3, 4], Read());
        Assert.Equal([(Id, 4L)], Bodies.List());
    }

    [Fact]
    public void AfterACrashABodyGoesOnWhereTheLogEnds()
    {
        using (var body = Bodies.Create(Id))
        {
            body.Write(Of([1, 2, 3, 9, 9])); // Of the last two the log does not know.
        }

        using var again = Bodies.Continue(Id, 3);
        again.Write(Of([4]));

        Assert.Equal(SHA256.HashData([1, 2, 3, 4]), again.Checksum());
        Assert.Equal([1, 2, 3, 4], Read());
    }

    [Fact]
    public void ABodyThatIsShorterThanItsLogSaysCannotGoOn()
    {
        using (var body = Bodies.Create(Id))
        {
            body.Write(Of([1]));
        }

        Assert.Throws<IOException>(() => Bodies.Continue(Id, 2));
        Assert.ThrowsAny<IOException>(() => Bodies.Continue(new TaskId(7), 0));
    }

    [Fact]
    public void WhoWritesToAFormerBodyDoesNotTouchTheNewOne()
    {
        using var former = Bodies.Create(Id);
        using var body = Bodies.Create(Id);
        body.Write(Of([1]));
        former.Write(Of([7, 7, 7]));
        former.Abandon();

        Assert.Equal([1], Read());
    }

    [Fact]
    public void ABodyIsDeletedOnce()
    {
        Bodies.Delete(Id);
        Bodies.Create(Id).Dispose();
        Bodies.Delete(Id);

        Assert.Null(Bodies.Read(Id));
        Assert.Empty(Bodies.List());
    }

    [Fact]
    public void OnlyTheOwnerCanReadIt()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "there are no such rights there");
        Bodies.Create(Id).Dispose();

        var file = Assert.Single(new DirectoryInfo(Path.Combine(_folder.FullName, "bodies")).EnumerateFiles());
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, file.UnixFileMode);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static ReadOnlySequence<byte> Of(byte[] bytes) => new(bytes);

    private byte[] Read()
    {
        using var stream = Bodies.Read(Id)!;
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }
}
