-- How the installation is doing, without anybody's name.

-- name: sweeper_standing
-- Who sweeps, since when, and what the last round of housekeeping could not do.
SELECT holder, leads, led_since, swept_at, cleared_at, trouble FROM sweeper_standing()

-- name: deeds_within
-- What the sweeper did lately.
SELECT deed, times, bytes FROM deeds_within(make_interval(secs => %(seconds)s))

-- name: recent_calls
-- The calls of the last while, by how they ended and how long they took.
SELECT provider, status, error_code, bucket, calls, total_ms, tokens_in, tokens_cached
  FROM recent_calls(make_interval(secs => %(seconds)s), %(most)s, %(bounds_ms)s)

-- name: live_runs_by_state
-- The runs of all organizations that are not over.
SELECT state, runs, oldest_seconds FROM live_runs_by_state()

-- name: own_runs_by_state
-- The runs of the asker's organization that are not over.
SELECT r.state, count(*) AS runs,
       extract(epoch FROM clock_timestamp() - min(CASE WHEN r.state = 'queued' THEN
           (SELECT e.at FROM run_events e WHERE e.run_id = r.id ORDER BY e.id DESC LIMIT 1) END))::float8 AS oldest_seconds
  FROM runs r WHERE r.state IN ('queued', 'running', 'paused', 'stopping') GROUP BY r.state

-- name: count_live_drives
-- How many runs hold a process now.
SELECT count_live_drives()

-- name: database_figures
-- Size, connections, and how often a page of the database was found in memory.
SELECT pg_database_size(d.datname) AS bytes, d.numbackends AS connections,
       current_setting('max_connections')::int AS most_connections,
       d.blks_hit AS pages_hit, d.blks_read AS pages_read
  FROM pg_stat_database d WHERE d.datname = current_database()
