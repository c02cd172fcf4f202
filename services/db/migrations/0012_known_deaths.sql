-- Whoever started a job process is told by the kernel when it ends: its run need not wait for the lease to pass
-- (docs/run-life.md, The sweeper). A drive that let go by itself, or that a successor has replaced, is left alone.
CREATE FUNCTION note_dead_drive(dead uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    drive drives;
BEGIN
    SELECT * INTO drive FROM drives d WHERE d.id = dead AND d.ended_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF drive.taken_at IS NULL THEN
        UPDATE drives d SET ended_at = clock_timestamp(), outcome = 'never began' WHERE d.id = dead;
    ELSE
        UPDATE runs r SET lease_until = clock_timestamp()
         WHERE r.id = drive.run_id AND r.drive_id = dead AND r.lease_until > clock_timestamp();
    END IF;
    RETURN FOUND;
END $$;
REVOKE ALL ON FUNCTION note_dead_drive(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION note_dead_drive(uuid) TO sourcingx_engine;
ALTER FUNCTION note_dead_drive(uuid) OWNER TO sourcingx_definer;

-- Which process each live drive says it is: the sweeper of the same machine can see whether it still is.
CREATE FUNCTION live_processes() RETURNS TABLE (drive_id uuid, process text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT d.id, d.process FROM live_drives l JOIN drives d ON d.id = l.drive_id WHERE d.taken_at IS NOT NULL
$$;
REVOKE ALL ON FUNCTION live_processes() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION live_processes() TO sourcingx_engine;
ALTER FUNCTION live_processes() OWNER TO sourcingx_definer;
