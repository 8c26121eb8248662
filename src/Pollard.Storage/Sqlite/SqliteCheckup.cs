using System.Globalization;
using Pollard.Tasks;
using Pollard.Tasks.Storage;

namespace Pollard.Storage.Sqlite;

/// <summary>What a look at a store found.</summary>
/// <param name="Structure">What is wrong with the structure of the database; empty when nothing is.</param>
/// <param name="Finished">False when the time was over before the whole structure was seen.</param>
/// <param name="Bodies">Requests, results and pieces of event logs whose checksums were compared.</param>
/// <param name="AreAll">True when these are all that there are.</param>
/// <param name="Damaged">The ones whose checksums do not hold, in words; the first of them when there are many.</param>
public sealed record StoreCheckup(
    IReadOnlyList<string> Structure,
    bool Finished,
    int Bodies,
    bool AreAll,
    IReadOnlyList<string> Damaged
);

/// <summary>Looks at a store without changing it, also while a gateway uses it.</summary>
public sealed class SqliteCheckup(SqliteStoreOptions options, TimeProvider time, Random random)
{
    private const int MostFindings = 20;
    private const int SampledRows = 500;
    private const long SampledBytes = 256L * 1024 * 1024;
    private const int PageRows = 200; // A read that lasts keeps the gateway from beginning its log anew.
    private static readonly TimeSpan StructureWithin = TimeSpan.FromSeconds(20);

    private static readonly (string Table, string Key, string What)[] Bodies =
    [
        ("task_request", "task", "request"),
        ("task_result", "task", "result"),
        ("task_events", "position", "event log"),
    ];

    /// <summary>Looks at the structure and at the bodies: at a sample of them within a while, or at everything.</summary>
    /// <returns>Null when there is no store yet.</returns>
    /// <exception cref="StoreException">It cannot be looked at.</exception>
    public StoreCheckup? Run(bool everything, CancellationToken cancellationToken)
    {
        if (!File.Exists(options.DatabasePath))
        {
            return null;
        }

        try
        {
            using var connection = new SqliteConnection(options.DatabasePath, readOnly: true, vfs: null);
            connection.SetBusyTimeout(SqliteTaskStore.BusyMilliseconds);
            connection.Execute("PRAGMA mmap_size = 0");
            if (connection.QueryInteger("PRAGMA user_version") is var version && version > SqliteSchema.Newest)
            {
                throw new StoreException(
                    StoreFault.CannotOpen,
                    $"The store {options.DatabasePath} has version {version}; this program knows versions up to {SqliteSchema.Newest}."
                );
            }

            var (structure, finished) = Structure(connection, everything, cancellationToken);
            var checkup = new StoreCheckup(structure, finished, 0, true, []);
            return structure.Count > 0 ? checkup : CheckBodies(connection, checkup, everything, cancellationToken);
        }
        catch (SqliteException error)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new StoreException(
                StoreFault.CannotOpen,
                $"The store {options.DatabasePath} cannot be read: {error.Message}",
                error
            );
        }
    }

    private (List<string> Found, bool Finished) Structure(
        SqliteConnection connection,
        bool everything,
        CancellationToken ct
    )
    {
        using var limit = new CancellationTokenSource(everything ? Timeout.InfiniteTimeSpan : StructureWithin, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        using var stop = either.Token.Register(connection.Interrupt);
        var found = new List<string>();
        try
        {
            var check = connection.Prepare(
                string.Create(CultureInfo.InvariantCulture, $"PRAGMA quick_check({MostFindings})")
            );
            while (check.Step())
            {
                found.Add(check.Text(0));
            }
        }
        catch (SqliteException error) when (error.PrimaryCode == SqliteNative.Interrupted)
        {
            ct.ThrowIfCancellationRequested();
            return (found, false);
        }
        catch (SqliteException error) when (error.IsDamage)
        {
            found.Add(error.Message);
        }

        return (found is ["ok"] ? [] : found, true);
    }

    private StoreCheckup CheckBodies(
        SqliteConnection connection,
        StoreCheckup checkup,
        bool everything,
        CancellationToken ct
    )
    {
        using var ids = new TaskIdCodec(connection.QueryBytes("SELECT value FROM meta WHERE name = 'id_key'"));
        var damaged = new List<string>();
        foreach (var (table, key, what) in Bodies)
        {
            var bodies = new BodyTable(connection, table, key, what, ids, damaged);
            var all = everything || bodies.HasAtMost(SampledRows);
            if (all)
            {
                bodies.CheckAll(ct);
            }
            else
            {
                bodies.CheckSome(random, ct);
            }

            checkup = checkup with { Bodies = checkup.Bodies + bodies.Checked, AreAll = checkup.AreAll && all };
        }

        return checkup with
        {
            Damaged = damaged,
        };
    }

    /// <summary>One of the tables whose rows have a body and its checksum.</summary>
    private sealed class BodyTable(
        SqliteConnection connection,
        string table,
        string key,
        string what,
        TaskIdCodec ids,
        List<string> damaged
    )
    {
        private readonly SqliteStatement _rows = connection.Prepare(
            $"SELECT {key}, task, crc, body FROM {table} WHERE {key} >= ?1 ORDER BY {key} LIMIT ?2"
        );

        private long _bytes;

        /// <summary>Bodies that were looked at.</summary>
        public int Checked { get; private set; }

        public bool HasAtMost(int rows) =>
            connection.QueryInteger(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {rows + 1})"
                )
            ) <= rows;

        public void CheckAll(CancellationToken ct)
        {
            var from = (long?)0;
            while (from is { } first)
            {
                ct.ThrowIfCancellationRequested();
                from = Check(first, PageRows);
            }
        }

        /// <summary>Rows from anywhere in the table; ids grow with time, so old and new ones alike.</summary>
        public void CheckSome(Random random, CancellationToken ct)
        {
            var (first, last) = (Edge("min"), Edge("max"));
            for (var i = 0; i < SampledRows && _bytes < SampledBytes; i++)
            {
                ct.ThrowIfCancellationRequested();
                Check(random.NextInt64(first, last + 1), 1);
            }
        }

        private long Edge(string which) => connection.QueryInteger($"SELECT {which}({key}) FROM {table}");

        /// <returns>Where to go on; null at the end.</returns>
        private long? Check(long from, int rows)
        {
            long? next = null;
            _rows.Bind(1, from).Bind(2, rows);
            try
            {
                while (_rows.Step())
                {
                    next = _rows.Integer(0) + 1;
                    Checked++;
                    var body = _rows.Bytes(3);
                    _bytes += body.Length;
                    if (Checksum.Of(body) != (uint)_rows.Integer(2) && damaged.Count < MostFindings)
                    {
                        damaged.Add($"the {what} of {ids.Format(new TaskId(_rows.Integer(1)))}");
                    }
                }
            }
            finally
            {
                _rows.Reset();
            }

            return next;
        }
    }
}
