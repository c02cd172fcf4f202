-- How much of a limited key one organization, and one user within it, gets while others wait too: 2 is twice as much as
-- 1 (docs/limiter.md). Set from the command line, because keys belong to the installation.

ALTER TABLE organizations ADD COLUMN share real NOT NULL DEFAULT 1 CHECK (share BETWEEN 0.1 AND 100);
ALTER TABLE users ADD COLUMN share real NOT NULL DEFAULT 1 CHECK (share BETWEEN 0.1 AND 100);
COMMENT ON COLUMN organizations.share IS 'weight among the organizations that wait for the same key';
COMMENT ON COLUMN users.share IS 'weight among the users of one organization that wait for the same key';

GRANT SELECT (share) ON users TO sourcingx_app;

-- Set the share of an organization or, with an address, of one of its users; whether there was anybody to set it for.
CREATE FUNCTION set_share(p_org_id uuid, p_email text, p_share real) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    person uuid;
BEGIN
    IF p_email IS NULL THEN
        UPDATE organizations SET share = p_share WHERE id = p_org_id;
    ELSE
        UPDATE users SET share = p_share WHERE org_id = p_org_id AND email = p_email RETURNING id INTO person;
    END IF;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO audit_events (org_id, action, object, detail)
    VALUES (p_org_id, 'share_set', CASE WHEN person IS NULL THEN 'organization' ELSE 'user:' || person END,
            jsonb_build_object('share', p_share));
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION set_share(uuid, text, real) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION set_share(uuid, text, real) TO sourcingx_engine;
ALTER FUNCTION set_share(uuid, text, real) OWNER TO sourcingx_definer;
