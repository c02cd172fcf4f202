-- Housekeeping and the status page: what may be cleared by age, what the sweeper did, and how the installation is
-- doing (docs/decisions/housekeeping.md). All doors are the engine's; none tells of a person.

ALTER TABLE sweeper_lease
    ADD COLUMN led_since timestamptz,
    ADD COLUMN swept_at timestamptz,
    ADD COLUMN cleared_at timestamptz,
    ADD COLUMN trouble text NOT NULL DEFAULT '';
COMMENT ON COLUMN sweeper_lease.cleared_at IS 'when the last round of housekeeping ended';
COMMENT ON COLUMN sweeper_lease.trouble IS 'what that round could not do';

-- What the sweeper did, by the hour.
CREATE TABLE sweeper_deeds (
    hour   timestamptz NOT NULL,
    deed   text NOT NULL CHECK (length(deed) BETWEEN 1 AND 60),
    times  bigint NOT NULL,
    bytes  bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (hour, deed)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON sweeper_deeds TO sourcingx_definer;

-- As before, and it is written down since when somebody leads and when they swept last.
DROP FUNCTION take_sweep(text, interval);
CREATE FUNCTION take_sweep(wanted text, lease interval) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    UPDATE sweeper_lease
       SET holder = wanted, lease_until = clock_timestamp() + lease, swept_at = clock_timestamp(),
           fence = fence + CASE WHEN holder = wanted THEN 0 ELSE 1 END,
           led_since = CASE WHEN holder = wanted THEN coalesce(led_since, clock_timestamp()) ELSE clock_timestamp() END
     WHERE holder = wanted OR lease_until < clock_timestamp()
    RETURNING fence
$$;

-- Count what the leader did; whoever does not lead any more counts nothing.
CREATE FUNCTION note_deeds(led_fence bigint, deeds jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    INSERT INTO sweeper_deeds AS d (hour, deed, times, bytes)
    SELECT date_trunc('hour', clock_timestamp(), 'UTC'), t.deed, t.times, t.bytes
      FROM jsonb_to_recordset(deeds) AS t (deed text, times bigint, bytes bigint)
     WHERE EXISTS (SELECT 1 FROM sweeper_lease l WHERE l.fence = led_fence)
    ON CONFLICT (hour, deed) DO UPDATE SET times = d.times + excluded.times, bytes = d.bytes + excluded.bytes
$$;

-- A round of housekeeping has ended.
CREATE FUNCTION note_round(led_fence bigint, said text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    UPDATE sweeper_lease SET cleared_at = clock_timestamp(), trouble = left(said, 1000) WHERE fence = led_fence
$$;

-- How many of these drives take up a run that was driven before.
CREATE FUNCTION resumed_among(asked uuid[]) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT count(*)::int FROM drives d JOIN runs r ON r.id = d.run_id WHERE d.id = ANY (asked) AND r.fence > 0
$$;

CREATE FUNCTION sweeper_standing()
RETURNS TABLE (holder text, leads boolean, led_since timestamptz, swept_at timestamptz, cleared_at timestamptz,
               trouble text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT l.holder, l.lease_until > clock_timestamp(), l.led_since, l.swept_at, l.cleared_at, l.trouble
      FROM sweeper_lease l
$$;

CREATE FUNCTION deeds_within(span interval) RETURNS TABLE (deed text, times bigint, bytes bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT d.deed, sum(d.times)::bigint, sum(d.bytes)::bigint FROM sweeper_deeds d
     WHERE d.hour > clock_timestamp() - span GROUP BY d.deed ORDER BY d.deed
$$;

-- What may be cleared ---------------------------------------------------------------------------------------

CREATE INDEX one_time_links_by_end ON one_time_links (expires_at);
CREATE INDEX sign_in_attempts_by_age ON sign_in_attempts (last_at);
CREATE INDEX searches_by_making ON searches (made_at);
CREATE INDEX paid_facts_by_end ON paid_facts (expires_at);
CREATE INDEX leases_by_taking ON leases (taken_at);
CREATE INDEX imports_waiting ON imports (created_at) WHERE state = 'uploaded';
CREATE INDEX imports_with_file ON imports (stored_as) WHERE stored_as IS NOT NULL;
CREATE POLICY definer ON paid_facts TO sourcingx_definer USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE, DELETE ON paid_facts TO sourcingx_definer;  -- to lock a row is to be allowed to change it
GRANT DELETE ON leases TO sourcingx_definer;

-- Clear one kind of row that ended longer ago than `age`, at most so many, none that somebody holds; how many.
CREATE FUNCTION clear_expired(what text, age interval, most int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    before constant timestamptz := clock_timestamp() - age;
    cleared int;
BEGIN
    CASE what
    WHEN 'sign-in links' THEN
        DELETE FROM one_time_links WHERE secret_hash IN (
            SELECT l.secret_hash FROM one_time_links l WHERE l.expires_at < before
             ORDER BY l.expires_at LIMIT most FOR UPDATE SKIP LOCKED);
    WHEN 'sessions' THEN
        DELETE FROM sessions WHERE secret_hash IN (
            SELECT s.secret_hash FROM sessions s WHERE s.active_at < before
             ORDER BY s.active_at LIMIT most FOR UPDATE SKIP LOCKED);
    WHEN 'sign-in attempts' THEN
        DELETE FROM sign_in_attempts WHERE email_hash IN (
            SELECT a.email_hash FROM sign_in_attempts a
             WHERE a.last_at < before AND (a.locked_until IS NULL OR a.locked_until < before)
             ORDER BY a.last_at LIMIT most FOR UPDATE SKIP LOCKED);
    WHEN 'searches' THEN
        DELETE FROM searches WHERE id IN (
            SELECT s.id FROM searches s WHERE s.made_at < before
             ORDER BY s.made_at LIMIT most FOR UPDATE SKIP LOCKED);
    WHEN 'paid answers' THEN
        DELETE FROM paid_facts f USING (
            SELECT p.org_id, p.provider, p.operation, p.request_hash FROM paid_facts p
             WHERE p.expires_at < before AND (p.state <> 'sent' OR p.lease_until < before)
             ORDER BY p.expires_at LIMIT most FOR UPDATE SKIP LOCKED) ended
         WHERE (f.org_id, f.provider, f.operation, f.request_hash)
             = (ended.org_id, ended.provider, ended.operation, ended.request_hash);
    WHEN 'leases' THEN
        DELETE FROM leases WHERE id IN (
            SELECT l.id FROM leases l
             WHERE l.taken_at < before AND (l.lease_until IS NULL OR l.lease_until < before)
             ORDER BY l.taken_at LIMIT most FOR UPDATE SKIP LOCKED);
    WHEN 'hours of the sweeper' THEN
        DELETE FROM sweeper_deeds WHERE (hour, deed) IN (
            SELECT d.hour, d.deed FROM sweeper_deeds d WHERE d.hour < before ORDER BY d.hour LIMIT most);
    END CASE;
    GET DIAGNOSTICS cleared = ROW_COUNT;
    RETURN cleared;
END $$;

-- Give up uploads that nobody imported; the names of their files, which may go once this is committed.
-- Its unbounded forerunner stays for the release before this one.
CREATE FUNCTION give_up_uploads(age interval, most int) RETURNS SETOF text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    WITH stale AS (
        SELECT i.id, i.stored_as FROM imports i
         WHERE i.state = 'uploaded' AND i.created_at < clock_timestamp() - age
         ORDER BY i.created_at LIMIT most FOR UPDATE SKIP LOCKED
    ), given_up AS (
        UPDATE imports i SET state = 'discarded', stored_as = NULL, finished_at = now() FROM stale WHERE i.id = stale.id
    )
    SELECT coalesce(stored_as, '') FROM stale
$$;

-- Which of these files an upload still names.
CREATE FUNCTION files_of_uploads(names text[]) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT i.stored_as FROM imports i WHERE i.stored_as = ANY (names)
$$;

-- How the installation is doing -----------------------------------------------------------------------------

-- Calls of all organizations by time: the ledger's other index begins with the organization.
CREATE INDEX ledger_by_moment ON ledger (at);

-- The calls of the last while, counted by how they ended and how long they took: `bucket` is the number of `bounds`
-- (milliseconds, rising) that a call took longer than. Bounded: of more than `most` calls the newest are looked at.
CREATE FUNCTION recent_calls(span interval, most int, bounds int[])
RETURNS TABLE (provider text, status text, error_code text, bucket int, calls bigint, total_ms bigint,
               tokens_in bigint, tokens_cached bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT l.provider, l.status, l.error_code, width_bucket(l.duration_ms - 1, bounds), count(*),
           sum(l.duration_ms)::bigint, sum(l.tokens_in)::bigint, sum(l.tokens_cached)::bigint
      FROM (SELECT r.provider, r.status, r.error_code, r.duration_ms, r.tokens_in, r.tokens_cached FROM ledger r
             WHERE r.at > clock_timestamp() - span ORDER BY r.at DESC LIMIT most) l
     GROUP BY l.provider, l.status, l.error_code, width_bucket(l.duration_ms - 1, bounds)
$$;

-- The runs that are not over, by state; of those that are queued also for how long the first has waited.
CREATE FUNCTION live_runs_by_state() RETURNS TABLE (state text, runs bigint, oldest_seconds double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT r.state, count(*),
           extract(epoch FROM clock_timestamp() - min(CASE WHEN r.state = 'queued' THEN
               (SELECT e.at FROM run_events e WHERE e.run_id = r.id ORDER BY e.id DESC LIMIT 1) END))::double precision
      FROM runs r WHERE r.state IN ('queued', 'running', 'paused', 'stopping') GROUP BY r.state
$$;

CREATE FUNCTION count_live_drives() RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT count(*)::int FROM live_drives
$$;

DO $$
DECLARE
    door text;
BEGIN
    FOREACH door IN ARRAY ARRAY[
        'take_sweep(text, interval)', 'note_deeds(bigint, jsonb)', 'note_round(bigint, text)', 'resumed_among(uuid[])',
        'sweeper_standing()', 'deeds_within(interval)', 'clear_expired(text, interval, int)',
        'give_up_uploads(interval, int)', 'files_of_uploads(text[])', 'recent_calls(interval, int, int[])',
        'live_runs_by_state()', 'count_live_drives()'] LOOP
        -- Before the owner changes: afterwards only the new owner could revoke, and nobody logs in as it.
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', door);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO sourcingx_engine', door);
        EXECUTE format('ALTER FUNCTION %s OWNER TO sourcingx_definer', door);
    END LOOP;
END $$;
