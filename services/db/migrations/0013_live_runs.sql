-- How many runs of a kind are driven now, over all organizations: they share one provider's key, and each driver
-- keeps to its part (docs/decisions/breaker.md, Calls under way at once). A number only, asked with each beat.
CREATE FUNCTION live_runs(asked_kind text) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT count(DISTINCT l.run_id)::int FROM live_drives l JOIN runs r ON r.id = l.run_id WHERE r.kind = asked_kind
$$;
REVOKE ALL ON FUNCTION live_runs(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION live_runs(text) TO sourcingx_app;
ALTER FUNCTION live_runs(text) OWNER TO sourcingx_definer;
