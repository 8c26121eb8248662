using Xunit.v3;

// Most of the time of these tests is waiting: for processes, for clocks, for what was killed.
[assembly: Parallelization(MaxThreads = 3)]
