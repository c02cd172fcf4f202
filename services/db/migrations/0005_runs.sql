-- What the run engine needs beyond the tables: who may drive, in which order runs start, and the sweeper's
-- lease (docs/decisions/runs.md). The engine's doors are SECURITY DEFINER functions over all organizations.

ALTER TABLE runs
    ADD COLUMN unknown_usd numeric(18, 8) NOT NULL DEFAULT 0,
    ADD COLUMN per_minute real NOT NULL DEFAULT 0,
    ADD COLUMN starts int NOT NULL DEFAULT 0;
COMMENT ON COLUMN runs.unknown_usd IS 'the most that calls of unknown outcome can have cost';
COMMENT ON COLUMN runs.per_minute IS 'items settled in the last minute, as of the last beat';
COMMENT ON COLUMN runs.starts IS 'drives started since an item was last settled';

ALTER TABLE run_items
    ADD COLUMN not_before timestamptz,
    ADD COLUMN unknowns int NOT NULL DEFAULT 0,
    ADD COLUMN carried jsonb;
COMMENT ON COLUMN run_items.not_before IS 'a retry waits until then';
COMMENT ON COLUMN run_items.unknowns IS 'calls for this item whose outcome nobody knows';
COMMENT ON COLUMN run_items.carried IS 'what an earlier call of this item left for the next one';

ALTER TABLE intents ADD COLUMN costs jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN intents.costs IS 'what the limiter was asked for, by limit: its record is rebuilt from this';

ALTER TABLE drives ADD COLUMN started_at timestamptz;
COMMENT ON COLUMN drives.started_at IS 'when a process was admitted for it';
CREATE INDEX drives_open ON drives (started_at) WHERE ended_at IS NULL;

CREATE TABLE sweeper_lease (
    only_one     boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    holder       text NOT NULL DEFAULT '',
    fence        bigint NOT NULL DEFAULT 0,
    lease_until  timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO sweeper_lease DEFAULT VALUES;
GRANT SELECT, UPDATE ON sweeper_lease TO sourcingx_definer;

-- The drives that hold a process now: those whose lease lives, and those still on their way to the wheel.
CREATE VIEW live_drives WITH (security_invoker = true) AS
SELECT d.id AS drive_id, d.run_id, d.org_id, r.user_id, d.taken_at IS NULL AS is_starting
  FROM drives d JOIN runs r ON r.id = d.run_id
 WHERE d.ended_at IS NULL
   AND ((d.taken_at IS NOT NULL AND r.drive_id = d.id AND r.lease_until > clock_timestamp())
     OR (d.taken_at IS NULL AND d.started_at > clock_timestamp() - interval '10 seconds'));
GRANT SELECT ON live_drives TO sourcingx_definer;

-- The runs that need a driver and have none: queued, left by a driver that ended, or by one that died.
CREATE VIEW runs_without_driver WITH (security_invoker = true) AS
SELECT r.id AS run_id, r.org_id, r.user_id, r.state, r.created_at, r.starts
  FROM runs r
 WHERE r.state IN ('queued', 'running', 'stopping', 'paused')
   AND (r.lease_until < clock_timestamp() OR (r.lease_until IS NULL AND r.state <> 'paused'))
   AND NOT EXISTS (SELECT 1 FROM drives d WHERE d.run_id = r.id AND d.ended_at IS NULL AND d.taken_at IS NULL
                      AND d.started_at > clock_timestamp() - interval '10 seconds');
GRANT SELECT ON runs_without_driver TO sourcingx_definer;

-- Take the wheel of a drive's run: once a drive, and only while nobody else's lease lives.
CREATE FUNCTION take_wheel(wanted uuid, process_name text, lease interval)
RETURNS TABLE (run_id uuid, org_id uuid, user_id uuid, kind text, state text, version_id uuid, list_id uuid,
               parameters jsonb, cap_usd numeric, cost_usd numeric, unknown_usd numeric, items int,
               settled int, fence bigint, live_runs int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    drive drives;
    run runs;
BEGIN
    UPDATE drives d SET taken_at = clock_timestamp(), beat_at = clock_timestamp(), process = process_name,
                        started_at = coalesce(d.started_at, clock_timestamp())
     WHERE d.id = wanted AND d.taken_at IS NULL AND d.ended_at IS NULL
    RETURNING d.* INTO drive;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE runs r SET fence = r.fence + 1, drive_id = drive.id, lease_until = clock_timestamp() + lease,
                      state = CASE r.state WHEN 'queued' THEN 'running' ELSE r.state END,
                      started_at = coalesce(r.started_at, clock_timestamp())
     WHERE r.id = drive.run_id AND r.state IN ('queued', 'running', 'stopping', 'paused')
       AND (r.lease_until IS NULL OR r.lease_until < clock_timestamp())
    RETURNING r.* INTO run;
    IF NOT FOUND THEN
        UPDATE drives d SET ended_at = clock_timestamp(), outcome = 'turned away' WHERE d.id = drive.id;
        RETURN;
    END IF;
    UPDATE drives d SET ended_at = clock_timestamp(), outcome = 'lost'
     WHERE d.run_id = run.id AND d.taken_at IS NOT NULL AND d.ended_at IS NULL AND d.id <> drive.id;
    UPDATE drives d SET fence = run.fence WHERE d.id = drive.id;
    RETURN QUERY SELECT run.id, run.org_id, run.user_id, run.kind, run.state, run.version_id, run.list_id,
        run.parameters, run.cap_usd, run.cost_usd, run.unknown_usd, run.items,
        run.done + run.failed + run.refused + run.skipped + run.unknown, run.fence,
        (SELECT count(*)::int FROM live_drives);
END $$;

-- Close what lost drives of a run left open (fences below `new_fence`; all of them if it is null): what was
-- planned is withdrawn, what was sent is booked as unknown, and its item is sent again only as often as
-- `resends` says for the provider. An item that was being prepared when its process died, twice, is dead.
CREATE FUNCTION close_lost_calls(asked_run uuid, asked_org uuid, new_fence bigint, resends jsonb)
RETURNS TABLE (returned int, unknown int, dead int) LANGUAGE plpgsql
SET search_path = pg_catalog, public AS $$
#variable_conflict use_column
DECLARE
    withdrawn bigint[];
    most_usd numeric;
    sent_again int;
BEGIN
    WITH lost AS (
        UPDATE intents i SET state = 'unknown', settled_at = clock_timestamp()
         WHERE i.run_id = asked_run AND i.state = 'sent' AND (new_fence IS NULL OR i.fence < new_fence)
        RETURNING i.*
    ), booked AS (
        INSERT INTO ledger (org_id, user_id, run_id, item_id, intent_id, provider, operation, status, cost_usd,
                            error_code, detail)
        SELECT l.org_id, l.user_id, l.run_id, l.item_id, l.id, l.provider, l.operation, 'unknown', 0, 'process_lost',
               jsonb_build_object('at_most_usd', l.reserved_usd)
          FROM lost l
    ), moved AS (
        UPDATE run_items t SET unknowns = t.unknowns + 1,
               state = CASE WHEN t.unknowns < coalesce((resends ->> l.provider)::int, 0)
                            THEN 'waiting' ELSE 'unknown' END,
               settled_at = CASE WHEN t.unknowns < coalesce((resends ->> l.provider)::int, 0)
                                 THEN NULL ELSE clock_timestamp() END,
               reason_code = 'process_lost',
               reason = 'The job process ended while the answer was on its way; it may have been charged.'
          FROM lost l WHERE t.id = l.item_id AND t.state = 'sent'
        RETURNING t.state
    )
    SELECT count(*) FILTER (WHERE m.state = 'waiting'), count(*) FILTER (WHERE m.state = 'unknown'),
           (SELECT coalesce(sum(l.reserved_usd), 0) FROM lost l)
      INTO sent_again, unknown, most_usd FROM moved m;

    WITH closed AS (
        UPDATE intents i SET state = 'withdrawn', settled_at = clock_timestamp()
         WHERE i.run_id = asked_run AND i.state = 'planned' AND (new_fence IS NULL OR i.fence < new_fence)
        RETURNING i.item_id
    ) SELECT coalesce(array_agg(c.item_id), '{}') INTO withdrawn FROM closed c;

    WITH moved AS (
        UPDATE run_items t SET rescues = t.rescues + CASE WHEN t.id = ANY (withdrawn) THEN 0 ELSE 1 END,
               state = CASE WHEN t.id = ANY (withdrawn) OR t.rescues < 1 THEN 'waiting' ELSE 'failed' END,
               settled_at = CASE WHEN t.id = ANY (withdrawn) OR t.rescues < 1 THEN NULL ELSE clock_timestamp() END,
               reason_code = CASE WHEN t.id = ANY (withdrawn) OR t.rescues < 1 THEN t.reason_code
                                  ELSE 'dead_letter' END,
               reason = CASE WHEN t.id = ANY (withdrawn) OR t.rescues < 1 THEN t.reason
                             ELSE 'The job process ended twice while this person was being prepared.' END
         WHERE t.run_id = asked_run AND t.state = 'claimed' AND (new_fence IS NULL OR t.fence < new_fence)
        RETURNING t.state
    )
    SELECT count(*) FILTER (WHERE m.state = 'waiting'), count(*) FILTER (WHERE m.state = 'failed')
      INTO returned, dead FROM moved m;
    returned := returned + sent_again;

    IF returned + unknown + dead > 0 THEN
        UPDATE runs r SET unknown = r.unknown + close_lost_calls.unknown, failed = r.failed + dead,
                          unknown_usd = r.unknown_usd + most_usd
         WHERE r.id = asked_run;
        INSERT INTO run_events (org_id, run_id, event, detail)
        VALUES (asked_org, asked_run, 'rescued', jsonb_build_object(
                'returned', returned, 'unknown', close_lost_calls.unknown, 'sent_again', sent_again, 'dead', dead));
    END IF;
    RETURN NEXT;
END $$;

-- Let a process start for one drive, if the installation and its user have room for another.
CREATE FUNCTION admit_drive(wanted uuid, most int, most_per_user int) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    asked runs_without_driver;
BEGIN
    PERFORM pg_advisory_xact_lock(7310452982);
    SELECT w.* INTO asked FROM drives d JOIN runs_without_driver w ON w.run_id = d.run_id
     WHERE d.id = wanted AND d.started_at IS NULL AND d.ended_at IS NULL;
    IF NOT FOUND
       OR (SELECT count(*) FROM live_drives) >= most
       OR (SELECT count(*) FROM live_drives l WHERE l.user_id = asked.user_id) >= most_per_user THEN
        RETURN false;
    END IF;
    UPDATE drives d SET started_at = clock_timestamp() WHERE d.id = wanted;
    UPDATE runs r SET starts = r.starts + 1 WHERE r.id = asked.run_id;
    RETURN true;
END $$;

-- Choose the drives to start now, in fair order: what has stalled, then the organization and the user with
-- the fewest live drives, then the oldest. A run that was started again and again in vain is given up.
CREATE FUNCTION next_drives(most int, most_per_user int, most_starts int) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    room int;
    chosen record;
    drive uuid;
BEGIN
    PERFORM pg_advisory_xact_lock(7310452982);
    FOR chosen IN SELECT w.* FROM runs_without_driver w WHERE w.starts >= most_starts AND w.state <> 'paused' LOOP
        PERFORM close_lost_calls(chosen.run_id, chosen.org_id, NULL, '{}');
        UPDATE runs r SET state = CASE r.state WHEN 'running' THEN 'failed' ELSE 'stopped' END,
                          finished_at = clock_timestamp(), lease_until = NULL, drive_id = NULL,
                          message = 'The job process ended again and again without getting anywhere.'
         WHERE r.id = chosen.run_id;
    END LOOP;
    room := most - (SELECT count(*) FROM live_drives);
    WHILE room > 0 LOOP
        SELECT w.* INTO chosen
          FROM runs_without_driver w
          LEFT JOIN LATERAL (SELECT count(*) AS live FROM live_drives l WHERE l.org_id = w.org_id) o ON true
          LEFT JOIN LATERAL (SELECT count(*) AS live FROM live_drives l WHERE l.user_id = w.user_id) u ON true
         WHERE u.live < most_per_user AND w.starts < most_starts
         ORDER BY w.state = 'queued', o.live, u.live, w.created_at, w.run_id
         LIMIT 1;
        EXIT WHEN NOT FOUND;
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
        room := room - 1;
    END LOOP;
END $$;

-- Hold or take the sweeper's lease; the fence, or nothing while another holder's lease lives.
CREATE FUNCTION take_sweep(wanted text, lease interval) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    UPDATE sweeper_lease SET holder = wanted, lease_until = clock_timestamp() + lease,
                             fence = fence + CASE WHEN holder = wanted THEN 0 ELSE 1 END
     WHERE holder = wanted OR lease_until < clock_timestamp()
    RETURNING fence
$$;

-- What was sent to a provider lately, and what of its limits each call may have used.
CREATE FUNCTION recent_sends(asked_provider text, seconds double precision)
RETURNS TABLE (seconds_ago double precision, costs jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT extract(epoch FROM clock_timestamp() - i.sent_at)::double precision, i.costs
      FROM intents i
     WHERE i.provider = asked_provider AND i.sent_at > clock_timestamp() - make_interval(secs => seconds)
$$;

-- How many queued runs of the installation are older than this one of the asker's organization.
CREATE FUNCTION queue_place(asked uuid) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT count(*)::int FROM runs r, runs mine
     WHERE mine.id = asked AND mine.org_id = current_org()
       AND r.state = 'queued' AND (r.created_at, r.id) < (mine.created_at, mine.id)
$$;

DO $$
DECLARE
    door text;
BEGIN
    FOREACH door IN ARRAY ARRAY[
        'take_wheel(uuid, text, interval)', 'admit_drive(uuid, int, int)', 'next_drives(int, int, int)',
        'take_sweep(text, interval)', 'recent_sends(text, double precision)', 'queue_place(uuid)'] LOOP
        -- Before the owner changes: afterwards only the new owner could revoke, and nobody logs in as it.
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', door);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', door,
                       CASE WHEN door LIKE 'queue_place%' THEN 'sourcingx_app' ELSE 'sourcingx_engine' END);
        EXECUTE format('ALTER FUNCTION %s OWNER TO sourcingx_definer', door);
    END LOOP;
END $$;

-- This one is no door: it runs as whoever asks, under that role's policies.
REVOKE ALL ON FUNCTION close_lost_calls(uuid, uuid, bigint, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION close_lost_calls(uuid, uuid, bigint, jsonb) TO sourcingx_app, sourcingx_definer;
