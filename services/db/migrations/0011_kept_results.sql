-- What an earlier call of an item brought is kept when its next call can never be sent (docs/run-life.md, How a call
-- can end): such an item is done without having been sent again.

CREATE OR REPLACE FUNCTION guard_item_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state IS DISTINCT FROM OLD.state AND NOT (
        (OLD.state = 'waiting' AND NEW.state IN ('claimed', 'skipped')) OR
        (OLD.state = 'claimed' AND NEW.state IN ('waiting', 'sent', 'done', 'failed', 'refused', 'skipped')) OR
        (OLD.state = 'sent'    AND NEW.state IN ('waiting', 'done', 'failed', 'refused', 'unknown')) OR
        (OLD.state = 'unknown' AND NEW.state IN ('waiting', 'done', 'failed'))) THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'item_state_order',
            MESSAGE = format('an item cannot go from %s to %s', OLD.state, NEW.state);
    END IF;
    RETURN NEW;
END $$;

-- As before, but that a run which is given up says what to do.
DROP FUNCTION next_drives(int, int, int);
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
                          message = 'This run was interrupted again and again and got nowhere. Retry what is left; if that ends the same'
                                    ' way, the operator of this installation can see why in the log.'
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
REVOKE ALL ON FUNCTION next_drives(int, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION next_drives(int, int, int) TO sourcingx_engine;
ALTER FUNCTION next_drives(int, int, int) OWNER TO sourcingx_definer;
