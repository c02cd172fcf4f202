-- Things only one may use (docs/decisions/leases.md), facts that are paid once (docs/decisions/paid-facts.md), and
-- the order in which runs start, with a bound for each organization (docs/decisions/runs.md, The order of starts).

CREATE SEQUENCE fences;
GRANT USAGE ON SEQUENCE fences TO sourcingx_app, sourcingx_definer;

CREATE TABLE leases (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id       uuid NOT NULL,
    user_id      uuid NOT NULL,
    thing        text NOT NULL CONSTRAINT lease_of_a_thing UNIQUE CHECK (length(thing) BETWEEN 1 AND 200),
    fence        bigint NOT NULL,
    taken_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease_until  timestamptz,
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
);
COMMENT ON COLUMN leases.lease_until IS 'null: released';

-- Take a thing, or learn who holds it: one row either way, with a fence if it was taken. A stranger's name is not told.
CREATE FUNCTION take_lease(wanted text, lease interval)
RETURNS TABLE (fence bigint, holder_name text, is_colleague boolean, held_seconds double precision)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
#variable_conflict use_column
DECLARE
    taken bigint;
BEGIN
    INSERT INTO leases AS l (org_id, user_id, thing, fence, lease_until)
    VALUES (current_org(), current_actor(), wanted, nextval('fences'), clock_timestamp() + lease)
    ON CONFLICT (thing) DO UPDATE
       SET org_id = excluded.org_id, user_id = excluded.user_id, fence = nextval('fences'),
           taken_at = clock_timestamp(), lease_until = clock_timestamp() + lease
     WHERE l.lease_until IS NULL OR l.lease_until <= clock_timestamp()
    RETURNING l.fence INTO taken;
    RETURN QUERY
        SELECT taken, CASE WHEN l.org_id = current_org() THEN u.name ELSE '' END, l.org_id = current_org(),
               extract(epoch FROM clock_timestamp() - l.taken_at)::double precision
          FROM leases l JOIN users u ON u.id = l.user_id WHERE l.thing = wanted;
END $$;

-- Lengthen one's own lease; false if somebody else came in between, or an operator ended it.
CREATE FUNCTION renew_lease(held text, held_fence bigint, lease interval) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    UPDATE leases l SET lease_until = clock_timestamp() + lease
     WHERE l.thing = held AND l.fence = held_fence AND l.org_id = current_org() AND l.lease_until IS NOT NULL;
    RETURN FOUND;
END $$;

-- Let go of one's own lease; false if it was no longer one's own.
CREATE FUNCTION release_lease(held text, held_fence bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    UPDATE leases l SET lease_until = NULL
     WHERE l.thing = held AND l.fence = held_fence AND l.org_id = current_org() AND l.lease_until IS NOT NULL;
    RETURN FOUND;
END $$;

-- Whether a fence still counts; if it does, nobody can take the thing before this transaction ends.
CREATE FUNCTION lease_holds(held text, held_fence bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    ends timestamptz;
BEGIN
    SELECT l.lease_until INTO ends FROM leases l
     WHERE l.thing = held AND l.fence = held_fence AND l.org_id = current_org() FOR SHARE;
    RETURN coalesce(ends > clock_timestamp(), false);
END $$;

-- All living leases of the installation, for operators.
CREATE FUNCTION living_leases()
RETURNS TABLE (lease_id bigint, thing text, fence bigint, user_name text, org_name text, taken_at timestamptz,
               seconds_left double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT l.id, l.thing, l.fence, u.name, o.name, l.taken_at,
           extract(epoch FROM l.lease_until - clock_timestamp())::double precision
      FROM leases l JOIN users u ON u.id = l.user_id JOIN organizations o ON o.id = l.org_id
     WHERE l.lease_until > clock_timestamp() ORDER BY l.taken_at, l.id
$$;

-- End somebody's lease, for operators; the thing's name, or nothing if no such lease lives.
CREATE FUNCTION end_lease(asked bigint) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    UPDATE leases l SET lease_until = NULL WHERE l.id = asked AND l.lease_until > clock_timestamp() RETURNING l.thing
$$;

CREATE TABLE paid_facts (
    org_id        uuid NOT NULL REFERENCES organizations,
    provider      text NOT NULL,
    operation     text NOT NULL,
    request_hash  bytea NOT NULL CHECK (length(request_hash) = 32),
    state         text NOT NULL CHECK (state IN ('sent', 'known', 'in doubt')),
    fence         bigint NOT NULL,
    paid_by       uuid NOT NULL,
    asked_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease_until   timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    answer        jsonb,
    credits       numeric(18, 4) NOT NULL DEFAULT 0,
    PRIMARY KEY (org_id, provider, operation, request_hash),
    FOREIGN KEY (org_id, paid_by) REFERENCES users (org_id, id),
    CHECK ((state = 'known') = (answer IS NOT NULL))
);
CREATE INDEX paid_facts_by_age ON paid_facts (org_id, asked_at DESC);
CREATE INDEX paid_facts_expiring ON paid_facts (org_id, expires_at);

DO $$
DECLARE
    tenant text;
BEGIN
    FOREACH tenant IN ARRAY ARRAY['leases', 'paid_facts'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant);
    END LOOP;
END $$;
-- A lease is reached by its doors only: even its holder's organization has no other way in.
CREATE POLICY definer ON leases TO sourcingx_definer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON leases TO sourcingx_definer;
CREATE POLICY organization ON paid_facts TO sourcingx_app
    USING (org_id = (SELECT current_org())) WITH CHECK (org_id = (SELECT current_org()));
GRANT SELECT, INSERT, UPDATE, DELETE ON paid_facts TO sourcingx_app;

-- The order in which runs without a driver start as room appears: what has stalled, then the organization and the
-- user with the fewest live drives, then the oldest. Each start counts for those behind it, so the nth run of a
-- user stands where the user's live drives and its own n put it. Who is at a bound waits for one of their own runs.
CREATE FUNCTION start_order(most_per_user int, most_per_org int)
RETURNS TABLE (run_id uuid, place int, waits_for text)
LANGUAGE sql STABLE SET search_path = pg_catalog, public AS $$
    WITH waiting AS (
        SELECT w.run_id, w.org_id, w.user_id, w.created_at, w.state = 'queued' AS is_new,
               (SELECT count(*) FROM live_drives l WHERE l.user_id = w.user_id)
               + row_number() OVER (PARTITION BY w.user_id ORDER BY w.state = 'queued', w.created_at, w.run_id)
               AS of_user
          FROM runs_without_driver w
    ), of_users AS (
        SELECT w.*, w.of_user <= most_per_user AS is_free,
               (SELECT count(*) FROM live_drives l WHERE l.org_id = w.org_id)
               + row_number() OVER (PARTITION BY w.org_id, w.of_user <= most_per_user
                                    ORDER BY w.is_new, w.of_user, w.created_at, w.run_id) AS of_org
          FROM waiting w
    ), judged AS (
        SELECT u.*, CASE WHEN NOT u.is_free THEN 'user' WHEN u.of_org > most_per_org THEN 'organization' ELSE '' END
               AS bound
          FROM of_users u
    )
    SELECT j.run_id,
           CASE WHEN j.bound = '' THEN (row_number() OVER (
               PARTITION BY j.bound ORDER BY j.is_new, j.of_org, j.of_user, j.created_at, j.run_id) - 1)::int END,
           j.bound
      FROM judged j
$$;
REVOKE ALL ON FUNCTION start_order(int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION start_order(int, int) TO sourcingx_definer;

-- The doors of the same names without a bound for each organization stay: the release before this one knocks at them
-- until its last process has ended.

-- Let a process start for one drive, if it is its run's turn: a click never starts before those who wait longer.
CREATE FUNCTION admit_drive(wanted uuid, most int, most_per_user int, most_per_org int) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    asked uuid;
BEGIN
    PERFORM pg_advisory_xact_lock(7310452982);
    SELECT d.run_id INTO asked FROM drives d
      JOIN start_order(most_per_user, most_per_org) o ON o.run_id = d.run_id
     WHERE d.id = wanted AND d.started_at IS NULL AND d.ended_at IS NULL
       AND o.place < most - (SELECT count(*) FROM live_drives);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE drives d SET started_at = clock_timestamp() WHERE d.id = wanted;
    UPDATE runs r SET starts = r.starts + 1 WHERE r.id = asked;
    RETURN true;
END $$;

-- Choose the drives to start now. A run that was started again and again in vain is given up, and says what to do.
CREATE FUNCTION next_drives(most int, most_per_user int, most_per_org int, most_starts int) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    chosen record;
    drive uuid;
BEGIN
    PERFORM pg_advisory_xact_lock(7310452982);
    FOR chosen IN SELECT w.* FROM runs_without_driver w WHERE w.starts >= most_starts LOOP
        PERFORM close_lost_calls(chosen.run_id, chosen.org_id, NULL, '{}');
        -- A paused run stays paused: with its calls settled it needs no driver.
        UPDATE runs r SET lease_until = NULL, drive_id = NULL WHERE r.id = chosen.run_id AND r.state = 'paused';
        UPDATE runs r SET state = CASE r.state WHEN 'running' THEN 'failed' ELSE 'stopped' END,
                          finished_at = clock_timestamp(), lease_until = NULL, drive_id = NULL,
                          message = 'This run was interrupted again and again and got nowhere. Retry what is left; if that ends the same'
                                    ' way, the operator of this installation can see why in the log.'
         WHERE r.id = chosen.run_id AND r.state <> 'paused';
    END LOOP;
    FOR chosen IN
        SELECT o.run_id, r.org_id FROM start_order(most_per_user, most_per_org) o JOIN runs r ON r.id = o.run_id
         WHERE o.place < most - (SELECT count(*) FROM live_drives)
         ORDER BY o.place
    LOOP
        UPDATE drives d SET ended_at = clock_timestamp(), outcome = 'never began'
         WHERE d.run_id = chosen.run_id AND d.ended_at IS NULL AND d.taken_at IS NULL AND d.started_at IS NOT NULL;
        SELECT d.id INTO drive FROM drives d
         WHERE d.run_id = chosen.run_id AND d.started_at IS NULL AND d.ended_at IS NULL
         ORDER BY d.created_at DESC LIMIT 1;
        IF drive IS NULL THEN
            INSERT INTO drives (org_id, run_id, started_by) VALUES (chosen.org_id, chosen.run_id, 'sweeper')
            RETURNING id INTO drive;
        END IF;
        UPDATE drives d SET started_at = clock_timestamp() WHERE d.id = drive;
        UPDATE runs r SET starts = r.starts + 1 WHERE r.id = chosen.run_id;
        RETURN NEXT drive;
    END LOOP;
END $$;

-- Where a waiting run of the asker's organization stands: how many start before it, or what it waits for.
CREATE FUNCTION queue_place(asked uuid, most_per_user int, most_per_org int)
RETURNS TABLE (place int, waits_for text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT o.place, o.waits_for FROM runs mine JOIN start_order(most_per_user, most_per_org) o ON o.run_id = mine.id
     WHERE mine.id = asked AND mine.org_id = current_org()
$$;

DO $$
DECLARE
    door text;
BEGIN
    FOREACH door IN ARRAY ARRAY[
        'take_lease(text, interval)', 'renew_lease(text, bigint, interval)', 'release_lease(text, bigint)',
        'lease_holds(text, bigint)', 'queue_place(uuid, int, int)', 'living_leases()', 'end_lease(bigint)',
        'admit_drive(uuid, int, int, int)', 'next_drives(int, int, int, int)'] LOOP
        -- Before the owner changes: afterwards only the new owner could revoke, and nobody logs in as it.
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', door);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', door,
                       CASE WHEN door ~ '^(take_lease|renew|release|lease_holds|queue)' THEN 'sourcingx_app'
                            ELSE 'sourcingx_engine' END);
        EXECUTE format('ALTER FUNCTION %s OWNER TO sourcingx_definer', door);
    END LOOP;
END $$;
