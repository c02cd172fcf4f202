-- Sign-in: sessions that the database can end, attempts counted whether or not the account exists, and
-- the named functions through which a request without an organization finds out who it belongs to
-- (docs/security.md).

-- Attempts are counted by a hash of the address typed, so that an unknown account behaves like a known one.
ALTER TABLE users DROP COLUMN failed_sign_ins, DROP COLUMN locked_until;

CREATE TABLE sign_in_attempts (
    email_hash    bytea PRIMARY KEY,
    attempts      int NOT NULL,
    locked_until  timestamptz,
    last_at       timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_attempts TO sourcingx_definer;

-- One row for each signed-in browser; the cookie holds a secret of which only the hash is kept.
CREATE TABLE sessions (
    secret_hash      bytea PRIMARY KEY,
    org_id           uuid NOT NULL,
    user_id          uuid NOT NULL,
    session_version  int NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    active_at        timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) ON DELETE CASCADE
);
CREATE INDEX sessions_of ON sessions (user_id);
CREATE INDEX sessions_by_activity ON sessions (active_at);
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON sessions TO sourcingx_app
    USING (org_id = current_org()) WITH CHECK (org_id = current_org());
CREATE POLICY definer ON sessions TO sourcingx_definer USING (true) WITH CHECK (true);
GRANT SELECT (org_id, user_id, session_version, created_at, active_at) ON sessions TO sourcingx_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO sourcingx_definer;

-- What answers requests has no use for password hashes or the hashes of links; sign-in reads them below.
REVOKE SELECT ON users, one_time_links FROM sourcingx_app;
GRANT SELECT (id, org_id, email, name, role, is_operator, is_active, session_version, last_seen_at,
              preferences, created_at) ON users TO sourcingx_app;
GRANT SELECT (org_id, user_id, purpose, created_by, created_at, expires_at, used_at)
    ON one_time_links TO sourcingx_app;
REVOKE UPDATE ON users FROM sourcingx_app;
GRANT UPDATE (name, role, is_active, password_hash, session_version, preferences) ON users TO sourcingx_app;

-- An organization always keeps somebody who can administer it. The organization's row is locked so that two
-- admins who demote each other at once cannot both succeed.
CREATE FUNCTION keep_an_admin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM organizations WHERE id = OLD.org_id FOR NO KEY UPDATE;
    IF NOT EXISTS (SELECT 1 FROM users WHERE org_id = OLD.org_id AND role = 'admin' AND is_active) THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'last_admin',
            MESSAGE = 'an organization needs an active admin';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER an_admin_stays AFTER UPDATE OF role, is_active ON users FOR EACH ROW
    WHEN (OLD.role = 'admin' AND OLD.is_active AND NOT (NEW.role = 'admin' AND NEW.is_active))
    EXECUTE FUNCTION keep_an_admin();

-- Count an attempt before its password is looked at, so that parallel guesses count as well; returns the
-- seconds to wait, 0 if this attempt may go on.
CREATE FUNCTION count_sign_in(p_email_hash bytea, p_free int, p_lock_seconds int, p_longest_seconds int)
RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    entry sign_in_attempts;
BEGIN
    DELETE FROM sign_in_attempts WHERE last_at < now() - interval '1 day';
    INSERT INTO sign_in_attempts AS a (email_hash, attempts) VALUES (p_email_hash, 0)
        ON CONFLICT (email_hash) DO UPDATE SET attempts = a.attempts
        RETURNING * INTO entry;
    IF entry.locked_until > now() THEN
        RETURN ceil(extract(epoch FROM entry.locked_until - now()));
    END IF;
    UPDATE sign_in_attempts SET attempts = entry.attempts + 1, last_at = now(), locked_until =
        CASE WHEN entry.attempts + 1 >= p_free THEN now() + make_interval(secs => least(
            p_lock_seconds * 2.0 ^ least(entry.attempts + 1 - p_free, 20), p_longest_seconds)) END
     WHERE email_hash = p_email_hash;
    RETURN 0;
END $$;

CREATE FUNCTION account_for_sign_in(p_email text)
RETURNS TABLE (id uuid, password_hash text, is_active boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT u.id, u.password_hash, u.is_active FROM users u WHERE u.email = p_email
$$;

-- Begin a session after the password was right: attempts are forgotten, long dead sessions swept.
CREATE FUNCTION open_session(p_user_id uuid, p_secret_hash bytea, p_email_hash bytea)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    DELETE FROM sign_in_attempts WHERE email_hash = p_email_hash;
    DELETE FROM sessions WHERE active_at < now() - interval '30 days';
    INSERT INTO sessions (secret_hash, org_id, user_id, session_version)
        SELECT p_secret_hash, u.org_id, u.id, u.session_version FROM users u WHERE u.id = p_user_id AND u.is_active;
    UPDATE users SET last_seen_at = now() WHERE id = p_user_id;
    INSERT INTO audit_events (org_id, user_id, action, object)
        SELECT org_id, id, 'signed_in', 'user:' || id FROM users WHERE id = p_user_id;
END $$;

-- Who a request belongs to; no row once the session ended, idled out, or the user was deactivated or signed
-- out everywhere. Activity is noted at most once a minute.
CREATE FUNCTION live_session(p_secret_hash bytea, p_idle_seconds double precision, p_active boolean)
RETURNS TABLE (user_id uuid, org_id uuid, org_name text, role text, name text, email text, is_operator boolean,
               preferences jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    seen timestamptz;
BEGIN
    SELECT u.id, u.org_id, o.name, u.role, u.name, u.email, u.is_operator, u.preferences, s.active_at
      INTO user_id, org_id, org_name, role, name, email, is_operator, preferences, seen
      FROM sessions s
      JOIN users u ON u.id = s.user_id AND u.is_active AND u.session_version = s.session_version
      JOIN organizations o ON o.id = u.org_id
     WHERE s.secret_hash = p_secret_hash AND s.active_at > now() - make_interval(secs => p_idle_seconds);
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF p_active AND seen < now() - interval '1 minute' THEN
        UPDATE sessions s SET active_at = now() WHERE s.secret_hash = p_secret_hash;
        UPDATE users u SET last_seen_at = now() WHERE u.id = live_session.user_id;
    END IF;
    RETURN NEXT;
END $$;

CREATE FUNCTION end_session(p_secret_hash bytea)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    DELETE FROM sessions WHERE secret_hash = p_secret_hash
$$;

CREATE FUNCTION open_link(p_secret_hash bytea, p_purpose text)
RETURNS TABLE (user_id uuid, name text, email text, org_name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT u.id, u.name, u.email, o.name
      FROM one_time_links l
      JOIN users u ON u.id = l.user_id AND u.is_active
      JOIN organizations o ON o.id = u.org_id
     WHERE l.secret_hash = p_secret_hash AND l.purpose = p_purpose
       AND l.used_at IS NULL AND l.expires_at > now()
$$;

-- Use a link up: set the password, end every session and every other link of its user.
CREATE FUNCTION redeem_link(p_secret_hash bytea, p_purpose text, p_password_hash text)
RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    holder uuid;
BEGIN
    UPDATE one_time_links l SET used_at = now()
      FROM users u
     WHERE l.secret_hash = p_secret_hash AND l.purpose = p_purpose AND l.used_at IS NULL
       AND l.expires_at > now() AND u.id = l.user_id AND u.is_active
    RETURNING l.user_id INTO holder;
    IF holder IS NULL THEN
        RETURN NULL;
    END IF;
    UPDATE users SET password_hash = p_password_hash, session_version = session_version + 1 WHERE id = holder;
    DELETE FROM one_time_links WHERE user_id = holder AND used_at IS NULL;
    INSERT INTO audit_events (org_id, user_id, action, object)
        SELECT org_id, id, 'password_set', 'user:' || id FROM users WHERE id = holder;
    RETURN holder;
END $$;

-- For the command line, which acts before anybody is signed in.
CREATE FUNCTION create_organization(p_name text, p_is_demo boolean)
RETURNS uuid LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    INSERT INTO organizations (name, is_demo) VALUES (p_name, p_is_demo) RETURNING id
$$;

CREATE FUNCTION find_organization(p_name text)
RETURNS uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT id FROM organizations WHERE name = p_name
$$;

CREATE FUNCTION create_user(p_org_id uuid, p_email text, p_name text, p_role text, p_is_operator boolean,
                            p_password_hash text)
RETURNS uuid LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    WITH made AS (
        INSERT INTO users (org_id, email, name, role, is_operator, password_hash)
        VALUES (p_org_id, p_email, p_name, p_role, p_is_operator, p_password_hash) RETURNING id, org_id),
    noted AS (
        INSERT INTO audit_events (org_id, action, object, detail)
        SELECT org_id, 'user_added', 'user:' || id, jsonb_build_object('role', p_role) FROM made)
    SELECT id FROM made
$$;

CREATE FUNCTION active_user(p_email text)
RETURNS TABLE (user_id uuid, org_id uuid, org_name text, role text, name text, email text, is_operator boolean,
               preferences jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT u.id, u.org_id, o.name, u.role, u.name, u.email, u.is_operator, u.preferences
      FROM users u JOIN organizations o ON o.id = u.org_id
     WHERE u.email = p_email AND u.is_active
$$;

DO $$
DECLARE
    door text;
BEGIN
    FOREACH door IN ARRAY ARRAY[
        'count_sign_in(bytea, int, int, int)', 'account_for_sign_in(text)', 'open_session(uuid, bytea, bytea)',
        'live_session(bytea, double precision, boolean)', 'end_session(bytea)', 'open_link(bytea, text)',
        'redeem_link(bytea, text, text)', 'create_organization(text, boolean)', 'find_organization(text)',
        'create_user(uuid, text, text, text, boolean, text)', 'active_user(text)']
    LOOP
        -- In this order: once a function is handed over, its rights are no longer ours to change.
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', door);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO sourcingx_engine', door);
        EXECUTE format('ALTER FUNCTION %s OWNER TO sourcingx_definer', door);
    END LOOP;
END $$;
