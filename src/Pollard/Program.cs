using Pollard;
using Pollard.Storage.Sqlite;

SqliteLibrary.UseFrom(typeof(Shell).Assembly);
using var interruption = new Interruption();
return await CommandLine.RunAsync(args, Shell.OfProcess(), interruption.Token);
