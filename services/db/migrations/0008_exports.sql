-- Exports and the command line: how one person stands with one position, and whom a command acts for.

-- The same for one person as `standings` says for all. Runs as whoever asks, under that role's policies.
CREATE FUNCTION person_standing(wanted_position uuid, wanted_candidate bigint,
                                OUT screening_id bigint, OUT score int, OUT override_id bigint, OUT standing text,
                                OUT failure text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT s.id, s.score, o.id,
           coalesce(o.verdict, i.failure, s.verdict, CASE WHEN i.waits THEN 'waiting' ELSE 'none' END),
           CASE WHEN o.verdict IS NULL AND i.failure IS NOT NULL THEN i.reason END
      FROM (SELECT) one
      LEFT JOIN LATERAL (SELECT n.id, n.item_id, n.score, n.verdict
                           FROM screenings n JOIN position_versions v ON v.id = n.version_id
                          WHERE n.position_id = wanted_position AND n.candidate_id = wanted_candidate
                          ORDER BY v.number DESC, n.id DESC LIMIT 1) s ON true
      LEFT JOIN LATERAL (SELECT w.id, w.verdict FROM overrides w
                          WHERE w.screening_id = s.id AND w.undone_at IS NULL
                          ORDER BY w.id DESC LIMIT 1) o ON true
      LEFT JOIN LATERAL (SELECT CASE WHEN t.state IN ('failed', 'refused', 'skipped', 'unknown')
                                      AND t.id > coalesce(s.item_id, 0) THEN t.state END AS failure,
                                t.state IN ('waiting', 'claimed', 'sent') AND r.finished_at IS NULL AS waits, t.reason
                           FROM run_items t JOIN runs r ON r.id = t.run_id
                           JOIN position_versions v ON v.id = r.version_id
                          WHERE t.candidate_id = wanted_candidate AND v.position_id = wanted_position
                          ORDER BY t.id DESC LIMIT 1) i ON true;
END;
REVOKE ALL ON FUNCTION person_standing(uuid, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION person_standing(uuid, bigint) TO sourcingx_app;

-- Whoever started a run: a command that names a run and nobody acts for that person.
CREATE FUNCTION starter_of_run(wanted uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT u.email FROM runs r JOIN users u ON u.id = r.user_id WHERE r.id = wanted
$$;
REVOKE ALL ON FUNCTION starter_of_run(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION starter_of_run(uuid) TO sourcingx_engine;
ALTER FUNCTION starter_of_run(uuid) OWNER TO sourcingx_definer;

-- For commands about the whole installation.
CREATE FUNCTION all_organizations() RETURNS TABLE (id uuid, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT o.id, o.name FROM organizations o ORDER BY o.name
$$;
REVOKE ALL ON FUNCTION all_organizations() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION all_organizations() TO sourcingx_engine;
ALTER FUNCTION all_organizations() OWNER TO sourcingx_definer;
