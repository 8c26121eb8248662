using Pollard;

using var interruption = new Interruption();
return await CommandLine.RunAsync(args, Shell.OfProcess(), interruption.Token);
