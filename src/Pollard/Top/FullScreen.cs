using System.Runtime.InteropServices;
using System.Text;

namespace Pollard.Top;

/// <summary>The terminal's other screen, until it is disposed: then everything is as it was before.</summary>
internal sealed class FullScreen : IDisposable
{
    private const string Enter = "\e[?1049h\e[?25l";
    private const string Leave = "\e[0m\e[?25h\e[?1049l";
    private readonly TextWriter _output;
    private readonly PosixSignalRegistration? _resized;
    private (int, int) _size;

    /// <summary>Takes the terminal.</summary>
    /// <param name="output">Where the terminal is.</param>
    /// <param name="resized">Called on another thread when the terminal has another size.</param>
    public FullScreen(TextWriter output, Action resized)
    {
        _output = output;
        _resized = OperatingSystem.IsWindows()
            ? null
            : PosixSignalRegistration.Create(PosixSignal.SIGWINCH, _ => resized());
        Write(Enter);
    }

    /// <summary>Its width and height.</summary>
    public static (int Columns, int Rows) Size =>
        (Math.Max(10, Console.WindowWidth), Math.Max(6, Console.WindowHeight));

    /// <summary>Shows lines that fill it.</summary>
    public void Draw(IReadOnlyList<string> lines, (int, int) size)
    {
        StringBuilder frame = new();
        if (size != _size)
        {
            frame.Append("\e[2J"); // What another size left is nowhere else written over.
            _size = size;
        }

        Write(frame.Append("\e[H").AppendJoin("\r\n", lines).ToString());
    }

    public void Dispose()
    {
        _resized?.Dispose();
        Write(Leave);
    }

    private void Write(string text)
    {
        _output.Write(text);
        _output.Flush();
    }
}
