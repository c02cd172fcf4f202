-- With several hosts an admitted drive goes through a queue before a worker starts its process
-- (docs/decisions/background.md, Several hosts). The queue may lose it, keep it for long, or hand it out twice.

-- A worker has a drive in hand: is its process to start? While the admission lives it is, and lives anew from now,
-- as the process is on its way only now. A drive that has waited longer starts if it is its run's turn all the same.
-- Not one that was taken before, that a successor has replaced, whose run has ended, or whose admission was taken back.
CREATE FUNCTION accept_drive(wanted uuid, most int, most_per_user int, most_per_org int) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    is_admitted boolean;
BEGIN
    PERFORM pg_advisory_xact_lock(7310452982);
    SELECT d.started_at > clock_timestamp() - interval '10 seconds' INTO is_admitted
      FROM drives d JOIN runs r ON r.id = d.run_id
     WHERE d.id = wanted AND d.started_at IS NOT NULL AND d.taken_at IS NULL AND d.ended_at IS NULL
       AND r.finished_at IS NULL;
    IF NOT FOUND
       OR (NOT is_admitted AND NOT EXISTS (
           SELECT 1 FROM drives d JOIN start_order(most_per_user, most_per_org) o ON o.run_id = d.run_id
            WHERE d.id = wanted AND o.place < most - (SELECT count(*) FROM live_drives))) THEN
        RETURN false;
    END IF;
    UPDATE drives d SET started_at = clock_timestamp() WHERE d.id = wanted;
    RETURN true;
END $$;

-- The queue did not take an admitted drive: its run is as before, and this was none of the starts after which a run
-- that gets nowhere is given up.
CREATE FUNCTION take_back_start(wanted uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    WITH unsent AS (
        UPDATE drives d SET started_at = NULL
         WHERE d.id = wanted AND d.started_at IS NOT NULL AND d.taken_at IS NULL AND d.ended_at IS NULL
        RETURNING d.run_id)
    UPDATE runs r SET starts = greatest(r.starts - 1, 0) FROM unsent u WHERE r.id = u.run_id
$$;

DO $$
DECLARE
    door text;
BEGIN
    FOREACH door IN ARRAY ARRAY['accept_drive(uuid, int, int, int)', 'take_back_start(uuid)'] LOOP
        -- Before the owner changes: afterwards only the new owner could revoke, and nobody logs in as it.
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', door);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO sourcingx_engine', door);
        EXECUTE format('ALTER FUNCTION %s OWNER TO sourcingx_definer', door);
    END LOOP;
END $$;
