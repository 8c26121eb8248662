namespace Pollard.Voice.Audio;

/// <summary>Reads samples: at least one, or 0 at the end.</summary>
internal delegate ValueTask<int> SampleReader(Memory<float> samples, CancellationToken ct);
