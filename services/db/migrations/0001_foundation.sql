-- The house: organizations and their users, people, lists, positions, runs, money, and who may see what.
--
-- Roles (docs/decisions/database.md): the owner runs migrations and owns all; sourcingx_app is what every
-- request and run acts as, under policies it cannot bypass; sourcingx_engine may call named functions over
-- all organizations and nothing else; sourcingx_definer owns those functions and nobody logs in as it.

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['sourcingx_app', 'sourcingx_engine', 'sourcingx_definer'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', wanted);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- roles belong to the cluster: another database of it made them first
        END;
        BEGIN
            EXECUTE format('GRANT %I TO CURRENT_USER WITH SET TRUE, INHERIT FALSE', wanted);
        EXCEPTION WHEN insufficient_privilege THEN
            IF NOT pg_has_role(CURRENT_USER, wanted, 'SET') THEN RAISE; END IF;
        END;
    END LOOP;
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'sourcingx_login') THEN
        BEGIN
            GRANT sourcingx_app, sourcingx_engine TO sourcingx_login WITH SET TRUE, INHERIT FALSE;
        EXCEPTION WHEN insufficient_privilege THEN
            IF NOT pg_has_role('sourcingx_login', 'sourcingx_app', 'SET') THEN RAISE; END IF;
        END;
    END IF;
END $$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO sourcingx_app, sourcingx_engine, sourcingx_definer;
GRANT CREATE ON SCHEMA public TO sourcingx_definer;  -- needed to hand it a function; it has no login

-- The organization of this transaction; no scope means no rows.
CREATE FUNCTION current_org() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.org_id', true), '')::uuid;
CREATE FUNCTION current_actor() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.user_id', true), '')::uuid;

-- Accounts ---------------------------------------------------------------------------------------------

CREATE TABLE organizations (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number      int GENERATED ALWAYS AS IDENTITY UNIQUE,
    name        text NOT NULL CONSTRAINT organization_name_taken UNIQUE CHECK (length(name) BETWEEN 1 AND 120),
    is_demo     boolean NOT NULL DEFAULT false,
    settings    jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(settings) = 'object'),
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    org_id           uuid NOT NULL REFERENCES organizations,
    email            text NOT NULL CONSTRAINT user_email_taken UNIQUE
                     CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    name             text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    role             text NOT NULL CHECK (role IN ('recruiter', 'manager', 'admin')),
    is_operator      boolean NOT NULL DEFAULT false,
    is_active        boolean NOT NULL DEFAULT true,
    password_hash    text,
    session_version  int NOT NULL DEFAULT 1,
    failed_sign_ins  int NOT NULL DEFAULT 0,
    locked_until     timestamptz,
    last_seen_at     timestamptz,
    preferences      jsonb NOT NULL DEFAULT '{}',
    created_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (org_id, id)
);

-- One-time links for invitations and password resets; only a hash of the link's secret is kept.
CREATE TABLE one_time_links (
    secret_hash  bytea PRIMARY KEY,
    org_id       uuid NOT NULL,
    user_id      uuid NOT NULL,
    purpose      text NOT NULL CHECK (purpose IN ('invite', 'reset')),
    created_by   uuid,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    used_at      timestamptz,
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
);

-- What people did that somebody may ask about later; ids and facts, never passwords or profile text.
CREATE TABLE audit_events (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id   uuid NOT NULL REFERENCES organizations,
    user_id  uuid,
    action   text NOT NULL,
    object   text NOT NULL DEFAULT '',
    detail   jsonb NOT NULL DEFAULT '{}',
    at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX audit_events_recent ON audit_events (org_id, id DESC);

-- People -----------------------------------------------------------------------------------------------

-- What listings need and nothing more: a page of the grid reads only this table. *_key columns are folded
-- by the product (services.domain.names.fold) so that sorting needs no locale.
CREATE TABLE candidates (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id            uuid NOT NULL REFERENCES organizations,
    profile_url       text NOT NULL,
    full_name         text NOT NULL DEFAULT '',
    first_name        text NOT NULL DEFAULT '',
    last_name         text NOT NULL DEFAULT '',
    headline          text NOT NULL DEFAULT '',
    title             text NOT NULL DEFAULT '',
    company           text NOT NULL DEFAULT '',
    location          text NOT NULL DEFAULT '',
    school            text NOT NULL DEFAULT '',
    email             text NOT NULL DEFAULT '',
    email_source      text NOT NULL DEFAULT '',
    name_key          text NOT NULL DEFAULT '',
    title_key         text NOT NULL DEFAULT '',
    company_key       text NOT NULL DEFAULT '',
    location_key      text NOT NULL DEFAULT '',
    role_start        int,
    company_start     int,
    industry_months   int,
    enrichment        text NOT NULL DEFAULT 'none'
                      CHECK (enrichment IN ('none', 'enriched', 'not_found', 'failed', 'thin')),
    attempted_at      timestamptz,
    enriched_at       timestamptz,
    source            text NOT NULL DEFAULT '',
    words             tsvector NOT NULL DEFAULT '',
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    UNIQUE (org_id, id),
    CONSTRAINT candidate_profile_url_taken UNIQUE (org_id, profile_url)
);
COMMENT ON COLUMN candidates.role_start IS 'year*12+month of the start in the current role';
COMMENT ON COLUMN candidates.company_start IS
    'year*12+month such that as-of minus it is the merged tenure at the current company';

-- Every address ever used for a person, the canonical one included: matching reads only this table.
CREATE TABLE candidate_aliases (
    org_id        uuid NOT NULL,
    url           text NOT NULL,
    candidate_id  bigint NOT NULL,
    PRIMARY KEY (org_id, url),
    FOREIGN KEY (org_id, candidate_id) REFERENCES candidates (org_id, id) ON DELETE CASCADE
);
CREATE INDEX candidate_aliases_of ON candidate_aliases (candidate_id);

-- The full person as rules read one (services.domain.profiles.Profile), and what the file said besides.
CREATE TABLE candidate_profiles (
    candidate_id   bigint PRIMARY KEY,
    org_id         uuid NOT NULL,
    profile        jsonb NOT NULL,
    snapshot_hash  bytea NOT NULL,
    extra          jsonb NOT NULL DEFAULT '{}',
    field_sources  jsonb NOT NULL DEFAULT '{}',
    FOREIGN KEY (org_id, candidate_id) REFERENCES candidates (org_id, id) ON DELETE CASCADE
);

-- What a provider sent, verbatim; large, read one person at a time.
CREATE TABLE candidate_payloads (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id        uuid NOT NULL,
    candidate_id  bigint NOT NULL,
    source        text NOT NULL,
    payload       jsonb NOT NULL,
    fetched_at    timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (org_id, candidate_id) REFERENCES candidates (org_id, id) ON DELETE CASCADE
);
CREATE INDEX candidate_payloads_of ON candidate_payloads (candidate_id, fetched_at DESC);

CREATE TABLE candidate_emails (
    org_id        uuid NOT NULL,
    candidate_id  bigint NOT NULL,
    email         text NOT NULL,
    kind          text NOT NULL DEFAULT 'unknown' CHECK (kind IN ('personal', 'work', 'unknown')),
    source        text NOT NULL,
    found_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (candidate_id, email),
    FOREIGN KEY (org_id, candidate_id) REFERENCES candidates (org_id, id) ON DELETE CASCADE
);

-- Lists and imports ------------------------------------------------------------------------------------

CREATE TABLE lists (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    org_id      uuid NOT NULL REFERENCES organizations,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    created_by  uuid NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    archived_at timestamptz,
    UNIQUE (org_id, id),
    FOREIGN KEY (org_id, created_by) REFERENCES users (org_id, id)
);
CREATE UNIQUE INDEX list_name_taken ON lists (org_id, lower(name)) WHERE archived_at IS NULL;

CREATE TABLE list_members (
    list_id       uuid NOT NULL,
    candidate_id  bigint NOT NULL,
    org_id        uuid NOT NULL,
    position      bigint GENERATED ALWAYS AS IDENTITY,
    added_by      uuid,
    added_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (list_id, candidate_id),
    FOREIGN KEY (org_id, list_id) REFERENCES lists (org_id, id) ON DELETE CASCADE,
    FOREIGN KEY (org_id, candidate_id) REFERENCES candidates (org_id, id) ON DELETE CASCADE
);
CREATE INDEX list_members_of ON list_members (candidate_id);

CREATE TABLE imports (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    org_id       uuid NOT NULL REFERENCES organizations,
    user_id      uuid NOT NULL,
    list_id      uuid,
    list_name    text NOT NULL DEFAULT '',
    file_name    text NOT NULL,
    file_bytes   bigint NOT NULL,
    file_sha256  bytea NOT NULL,
    stored_as    text,
    encoding     text NOT NULL DEFAULT '',
    mapping      jsonb NOT NULL DEFAULT '{}',
    state        text NOT NULL DEFAULT 'uploaded'
                 CHECK (state IN ('uploaded', 'importing', 'done', 'failed', 'discarded')),
    failure      text NOT NULL DEFAULT '',
    rows         int NOT NULL DEFAULT 0,
    added        int NOT NULL DEFAULT 0,
    updated      int NOT NULL DEFAULT 0,
    merged       int NOT NULL DEFAULT 0,
    rejected     int NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz,
    UNIQUE (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id),
    FOREIGN KEY (org_id, list_id) REFERENCES lists (org_id, id),
    CONSTRAINT import_counts_add_up CHECK (state <> 'done' OR rows = added + updated + merged + rejected)
);
CREATE INDEX imports_recent ON imports (org_id, created_at DESC);

CREATE TABLE import_rejects (
    import_id   uuid NOT NULL,
    row_number  int NOT NULL,
    org_id      uuid NOT NULL,
    field       text NOT NULL DEFAULT '',
    reason      text NOT NULL,
    excerpt     text NOT NULL DEFAULT '',
    PRIMARY KEY (import_id, row_number),
    FOREIGN KEY (org_id, import_id) REFERENCES imports (org_id, id) ON DELETE CASCADE
);

-- Where each person came from, for the side panel.
CREATE TABLE candidate_sources (
    org_id        uuid NOT NULL,
    candidate_id  bigint NOT NULL,
    source        text NOT NULL,
    import_id     uuid,
    row_number    int,
    at            timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (org_id, candidate_id) REFERENCES candidates (org_id, id) ON DELETE CASCADE
);
CREATE INDEX candidate_sources_of ON candidate_sources (candidate_id);

-- Positions --------------------------------------------------------------------------------------------

CREATE TABLE positions (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    org_id      uuid NOT NULL REFERENCES organizations,
    title       text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    created_by  uuid NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    archived_at timestamptz,
    UNIQUE (org_id, id),
    FOREIGN KEY (org_id, created_by) REFERENCES users (org_id, id)
);

-- A brief and its criteria; approved before use, frozen by its first use, changed only by a new version.
CREATE TABLE position_versions (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    org_id        uuid NOT NULL,
    position_id   uuid NOT NULL,
    number        int NOT NULL CHECK (number >= 1),
    role_text     text NOT NULL DEFAULT '',
    must_text     text NOT NULL DEFAULT '',
    nice_text     text NOT NULL DEFAULT '',
    exclude_text  text NOT NULL DEFAULT '',
    edited_by     uuid NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    approved_by   uuid,
    approved_at   timestamptz,
    frozen_at     timestamptz,
    UNIQUE (org_id, id),
    CONSTRAINT position_version_number_taken UNIQUE (position_id, number),
    CHECK ((approved_at IS NULL) = (approved_by IS NULL)),
    CHECK (frozen_at IS NULL OR approved_at IS NOT NULL),
    FOREIGN KEY (org_id, position_id) REFERENCES positions (org_id, id)
);

CREATE TABLE criteria (
    version_id  uuid NOT NULL,
    key         text NOT NULL CHECK (key ~ '^(must|nice|excl)-[0-9]+$'),
    org_id      uuid NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('must', 'nice', 'exclude')),
    ordinal     int NOT NULL,
    text        text NOT NULL CHECK (length(text) BETWEEN 1 AND 1000),
    PRIMARY KEY (version_id, key),
    FOREIGN KEY (org_id, version_id) REFERENCES position_versions (org_id, id) ON DELETE CASCADE
);

CREATE FUNCTION refuse_change_of_frozen_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'position_versions' THEN
        IF OLD.frozen_at IS NOT NULL AND (TG_OP = 'DELETE' OR NEW IS DISTINCT FROM OLD) THEN
            RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'position_version_frozen',
                MESSAGE = 'a used version of a position cannot change';
        END IF;
    ELSIF EXISTS (SELECT 1 FROM position_versions v
                   WHERE v.id = CASE WHEN TG_OP = 'INSERT' THEN NEW.version_id ELSE OLD.version_id END
                     AND v.approved_at IS NOT NULL) THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'position_version_frozen',
            MESSAGE = 'the criteria of an approved version cannot change';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER frozen_versions_stay BEFORE UPDATE OR DELETE ON position_versions
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_frozen_version();
CREATE TRIGGER frozen_criteria_stay BEFORE INSERT OR UPDATE OR DELETE ON criteria
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_frozen_version();

-- Runs (docs/run-life.md) ------------------------------------------------------------------------------

CREATE TABLE runs (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    org_id            uuid NOT NULL REFERENCES organizations,
    user_id           uuid NOT NULL,
    kind              text NOT NULL CHECK (kind IN ('screening', 'enrichment', 'emails', 'import', 'export')),
    state             text NOT NULL DEFAULT 'queued' CHECK (state IN
                      ('queued', 'running', 'paused', 'stopping', 'succeeded', 'failed', 'stopped')),
    pause_reason      text NOT NULL DEFAULT '' CHECK (pause_reason IN ('', 'user', 'budget', 'quota', 'provider')),
    message           text NOT NULL DEFAULT '',
    title             text NOT NULL DEFAULT '',
    version_id        uuid,
    list_id           uuid,
    retry_of          uuid,
    start_token       uuid,
    parameters        jsonb NOT NULL DEFAULT '{}',
    cap_usd           numeric(18, 8) CHECK (cap_usd >= 0),
    estimate_usd      numeric(18, 8),
    estimate_calls    int,
    items             int NOT NULL DEFAULT 0,
    done              int NOT NULL DEFAULT 0,
    failed            int NOT NULL DEFAULT 0,
    refused           int NOT NULL DEFAULT 0,
    skipped           int NOT NULL DEFAULT 0,
    unknown           int NOT NULL DEFAULT 0,
    cost_usd          numeric(18, 8) NOT NULL DEFAULT 0,
    created_at        timestamptz NOT NULL DEFAULT now(),
    started_at        timestamptz,
    finished_at       timestamptz,
    stop_requested_at timestamptz,
    stop_requested_by uuid,
    fence             bigint NOT NULL DEFAULT 0,
    drive_id          uuid,
    lease_until       timestamptz,
    UNIQUE (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id),
    FOREIGN KEY (org_id, version_id) REFERENCES position_versions (org_id, id),
    FOREIGN KEY (org_id, list_id) REFERENCES lists (org_id, id),
    FOREIGN KEY (org_id, retry_of) REFERENCES runs (org_id, id),
    CHECK ((state = 'paused') = (pause_reason <> '')),
    CHECK ((finished_at IS NOT NULL) = (state IN ('succeeded', 'failed', 'stopped')))
);
-- The same form sent twice (a double click, a reload) starts one run.
CREATE UNIQUE INDEX run_already_started ON runs (org_id, start_token) WHERE start_token IS NOT NULL;
CREATE INDEX runs_recent ON runs (org_id, created_at DESC);
CREATE INDEX runs_alive ON runs (state, lease_until) WHERE state IN ('queued', 'running', 'paused', 'stopping');

CREATE TABLE run_items (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id        uuid NOT NULL,
    run_id        uuid NOT NULL,
    candidate_id  bigint,
    position      int NOT NULL,
    state         text NOT NULL DEFAULT 'waiting' CHECK (state IN
                  ('waiting', 'claimed', 'sent', 'done', 'failed', 'refused', 'skipped', 'unknown')),
    attempts      int NOT NULL DEFAULT 0,
    rescues       int NOT NULL DEFAULT 0,
    fence         bigint,
    reason_code   text NOT NULL DEFAULT '',
    reason        text NOT NULL DEFAULT '',
    settled_at    timestamptz,
    UNIQUE (org_id, id),
    CONSTRAINT run_item_position_taken UNIQUE (run_id, position),
    FOREIGN KEY (org_id, run_id) REFERENCES runs (org_id, id) ON DELETE CASCADE,
    FOREIGN KEY (org_id, candidate_id) REFERENCES candidates (org_id, id)
);
CREATE UNIQUE INDEX run_candidate_once ON run_items (run_id, candidate_id) WHERE candidate_id IS NOT NULL;
CREATE INDEX run_items_open ON run_items (run_id, position) WHERE state IN ('waiting', 'claimed', 'sent');
CREATE INDEX run_items_by_state ON run_items (run_id, state, position);
CREATE INDEX run_items_of ON run_items (candidate_id);

-- Each attempt to drive a run; `id` is the one argument of the background callback.
CREATE TABLE drives (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    org_id      uuid NOT NULL,
    run_id      uuid NOT NULL,
    fence       bigint,
    started_by  text NOT NULL CHECK (started_by IN ('page', 'sweeper', 'command')),
    process     text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    taken_at    timestamptz,
    beat_at     timestamptz,
    ended_at    timestamptz,
    outcome     text NOT NULL DEFAULT '',
    FOREIGN KEY (org_id, run_id) REFERENCES runs (org_id, id) ON DELETE CASCADE
);
CREATE INDEX drives_of ON drives (run_id, created_at);

-- The history of a run, written by the database itself.
CREATE TABLE run_events (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id  uuid NOT NULL,
    run_id  uuid NOT NULL,
    event   text NOT NULL,
    detail  jsonb NOT NULL DEFAULT '{}',
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (org_id, run_id) REFERENCES runs (org_id, id) ON DELETE CASCADE
);
CREATE INDEX run_events_of ON run_events (run_id, id);

CREATE FUNCTION guard_run_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state IS DISTINCT FROM OLD.state AND NOT (
        (OLD.state = 'queued'   AND NEW.state IN ('running', 'stopped', 'paused')) OR
        (OLD.state = 'running'  AND NEW.state IN ('paused', 'stopping', 'succeeded', 'failed', 'stopped')) OR
        (OLD.state = 'paused'   AND NEW.state IN ('running', 'stopping', 'stopped', 'queued')) OR
        (OLD.state = 'stopping' AND NEW.state IN ('stopped', 'succeeded', 'failed'))) THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'run_state_order',
            MESSAGE = format('a run cannot go from %s to %s', OLD.state, NEW.state);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER run_states_in_order BEFORE UPDATE OF state ON runs
    FOR EACH ROW EXECUTE FUNCTION guard_run_state();

CREATE FUNCTION note_run_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO run_events (org_id, run_id, event, detail)
        VALUES (NEW.org_id, NEW.id, NEW.state, jsonb_build_object('user_id', NEW.user_id));
    ELSE
        IF NEW.state IS DISTINCT FROM OLD.state THEN
            INSERT INTO run_events (org_id, run_id, event, detail)
            VALUES (NEW.org_id, NEW.id, NEW.state, jsonb_strip_nulls(jsonb_build_object(
                'reason', nullif(NEW.pause_reason, ''), 'message', nullif(NEW.message, ''),
                'user_id', current_actor())));
        END IF;
        IF NEW.fence IS DISTINCT FROM OLD.fence THEN
            INSERT INTO run_events (org_id, run_id, event, detail)
            VALUES (NEW.org_id, NEW.id, 'driver', jsonb_build_object('fence', NEW.fence, 'drive_id', NEW.drive_id));
        END IF;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER run_history AFTER INSERT OR UPDATE OF state, fence ON runs
    FOR EACH ROW EXECUTE FUNCTION note_run_event();

CREATE FUNCTION guard_item_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state IS DISTINCT FROM OLD.state AND NOT (
        (OLD.state = 'waiting' AND NEW.state IN ('claimed', 'skipped')) OR
        (OLD.state = 'claimed' AND NEW.state IN ('waiting', 'sent', 'failed', 'refused', 'skipped')) OR
        (OLD.state = 'sent'    AND NEW.state IN ('waiting', 'done', 'failed', 'refused', 'unknown')) OR
        (OLD.state = 'unknown' AND NEW.state IN ('waiting', 'done', 'failed'))) THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'item_state_order',
            MESSAGE = format('an item cannot go from %s to %s', OLD.state, NEW.state);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER item_states_in_order BEFORE UPDATE OF state ON run_items
    FOR EACH ROW EXECUTE FUNCTION guard_item_state();

-- Money ------------------------------------------------------------------------------------------------

-- One row for each outside call, committed before its bytes leave. What is `sent` and whose driver is
-- gone is `unknown` until the provider or a person says otherwise.
CREATE TABLE intents (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    org_id        uuid NOT NULL,
    user_id       uuid NOT NULL,
    run_id        uuid,
    item_id       bigint,
    drive_id      uuid,
    fence         bigint,
    provider      text NOT NULL,
    operation     text NOT NULL,
    state         text NOT NULL DEFAULT 'planned' CHECK (state IN
                  ('planned', 'sent', 'settled', 'unknown', 'withdrawn')),
    request_hash  bytea,
    reserved_usd  numeric(18, 8),
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at       timestamptz,
    settled_at    timestamptz,
    UNIQUE (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id),
    FOREIGN KEY (org_id, run_id) REFERENCES runs (org_id, id),
    FOREIGN KEY (org_id, item_id) REFERENCES run_items (org_id, id)
);
CREATE UNIQUE INDEX one_open_intent_per_item ON intents (item_id, operation)
    WHERE item_id IS NOT NULL AND state IN ('planned', 'sent');
CREATE INDEX intents_of_run ON intents (run_id) WHERE state IN ('planned', 'sent', 'unknown');
CREATE INDEX intents_sent_recently ON intents (provider, sent_at) WHERE sent_at IS NOT NULL;

-- What was paid, one row for each settled or unknown call; never updated except from unknown to known.
CREATE TABLE ledger (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id              uuid NOT NULL,
    user_id             uuid NOT NULL,
    run_id              uuid,
    item_id             bigint,
    intent_id           uuid NOT NULL CONSTRAINT intent_already_settled UNIQUE,
    provider            text NOT NULL,
    operation           text NOT NULL,
    model               text NOT NULL DEFAULT '',
    status              text NOT NULL CHECK (status IN ('charged', 'free', 'failed', 'unknown')),
    at                  timestamptz NOT NULL DEFAULT clock_timestamp(),
    requested           int NOT NULL DEFAULT 1,
    fulfilled           int NOT NULL DEFAULT 0,
    credits             numeric(18, 4) NOT NULL DEFAULT 0,
    tokens_in           bigint NOT NULL DEFAULT 0,
    tokens_cached       bigint NOT NULL DEFAULT 0,
    tokens_out          bigint NOT NULL DEFAULT 0,
    cost_usd            numeric(18, 8),
    error_code          text NOT NULL DEFAULT '',
    duration_ms         int NOT NULL DEFAULT 0,
    provider_request_id text NOT NULL DEFAULT '',
    detail              jsonb NOT NULL DEFAULT '{}',
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id),
    FOREIGN KEY (org_id, run_id) REFERENCES runs (org_id, id),
    FOREIGN KEY (org_id, intent_id) REFERENCES intents (org_id, id)
);
COMMENT ON COLUMN ledger.cost_usd IS 'null: the model or operation had no price on that day';
CREATE INDEX ledger_by_time ON ledger (org_id, at);
CREATE INDEX ledger_of_run ON ledger (run_id);

CREATE TABLE prices (
    provider     text NOT NULL,
    item         text NOT NULL,
    unit         text NOT NULL CHECK (unit IN ('million_tokens_in', 'million_tokens_cached',
                 'million_tokens_cache_write', 'million_tokens_out', 'credit', 'call')),
    usd          numeric(18, 8) NOT NULL CHECK (usd >= 0),
    valid_from   date NOT NULL,
    valid_until  date,
    source       text NOT NULL DEFAULT '',
    PRIMARY KEY (provider, item, unit, valid_from),
    CHECK (valid_until IS NULL OR valid_until > valid_from)
);

-- Limits, switches and other choices of the installation, edited by an operator.
CREATE TABLE installation_settings (
    key         text PRIMARY KEY,
    value       jsonb NOT NULL,
    changed_by  uuid,
    changed_at  timestamptz NOT NULL DEFAULT now()
);

-- Screening --------------------------------------------------------------------------------------------

-- The text that was sent, once per content: what a verdict is defended with.
CREATE TABLE screening_texts (
    org_id  uuid NOT NULL REFERENCES organizations,
    sha256  bytea NOT NULL,
    text    text NOT NULL,
    PRIMARY KEY (org_id, sha256)
);

CREATE TABLE screenings (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id            uuid NOT NULL,
    run_id            uuid NOT NULL,
    item_id           bigint NOT NULL CONSTRAINT screening_item_once UNIQUE,
    candidate_id      bigint NOT NULL,
    position_id       uuid NOT NULL,
    version_id        uuid NOT NULL,
    verdict           text NOT NULL CHECK (verdict IN ('GO', 'MAYBE', 'NO GO')),
    score             int NOT NULL CHECK (score BETWEEN 1 AND 10),
    nice_met          int,
    nice_total        int,
    summary           text NOT NULL DEFAULT '',
    outcomes          jsonb NOT NULL,
    reasons           jsonb NOT NULL DEFAULT '[]',
    snapshot_hash     bytea NOT NULL,
    text_sha256       bytea NOT NULL,
    prompt_version    text NOT NULL,
    prompt_hash       bytea NOT NULL,
    model             text NOT NULL,
    fingerprint       text NOT NULL DEFAULT '',
    tokens_in         int NOT NULL DEFAULT 0,
    tokens_cached     int NOT NULL DEFAULT 0,
    tokens_out        int NOT NULL DEFAULT 0,
    cost_usd          numeric(18, 8),
    latency_ms        int NOT NULL DEFAULT 0,
    raw_answer        text NOT NULL,
    raw_nice_answer   text NOT NULL DEFAULT '',
    asked_by          uuid NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (org_id, id),
    FOREIGN KEY (org_id, run_id) REFERENCES runs (org_id, id),
    FOREIGN KEY (org_id, item_id) REFERENCES run_items (org_id, id),
    FOREIGN KEY (org_id, candidate_id) REFERENCES candidates (org_id, id),
    FOREIGN KEY (org_id, position_id) REFERENCES positions (org_id, id),
    FOREIGN KEY (org_id, version_id) REFERENCES position_versions (org_id, id),
    FOREIGN KEY (org_id, text_sha256) REFERENCES screening_texts (org_id, sha256)
);
CREATE INDEX screenings_newest ON screenings (position_id, candidate_id, id DESC);
CREATE INDEX screenings_of_run ON screenings (run_id, verdict, score DESC);
CREATE INDEX screenings_of_candidate ON screenings (candidate_id, id DESC);

-- What a person decided instead; the model's answer stays as it is. The newest row not undone counts.
CREATE TABLE overrides (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id        uuid NOT NULL,
    screening_id  bigint NOT NULL,
    verdict       text NOT NULL CHECK (verdict IN ('GO', 'MAYBE', 'NO GO')),
    reason        text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    user_id       uuid NOT NULL,
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    undone_at     timestamptz,
    FOREIGN KEY (org_id, screening_id) REFERENCES screenings (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
);
CREATE INDEX overrides_of ON overrides (screening_id, id DESC);

-- Who may see what -------------------------------------------------------------------------------------

DO $$
DECLARE
    tenant text;
BEGIN
    FOR tenant IN
        SELECT c.table_name FROM information_schema.columns c
         WHERE c.table_schema = 'public' AND c.column_name = 'org_id'
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant);
        EXECUTE format('CREATE POLICY organization ON %I TO sourcingx_app
                        USING (org_id = (SELECT current_org())) WITH CHECK (org_id = (SELECT current_org()))', tenant);
        EXECUTE format('CREATE POLICY definer ON %I TO sourcingx_definer USING (true) WITH CHECK (true)', tenant);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO sourcingx_app, sourcingx_definer', tenant);
    END LOOP;
END $$;

ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
ALTER TABLE organizations FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON organizations TO sourcingx_app USING (id = current_org());
CREATE POLICY definer ON organizations TO sourcingx_definer USING (true) WITH CHECK (true);
GRANT SELECT ON organizations TO sourcingx_app;
GRANT UPDATE (name, settings) ON organizations TO sourcingx_app;
GRANT SELECT, INSERT, UPDATE ON organizations TO sourcingx_definer;

-- The books are written once: nobody who answers requests may change or remove what was recorded.
REVOKE UPDATE, DELETE ON audit_events, run_events, screenings, screening_texts FROM sourcingx_app;
REVOKE DELETE ON ledger, intents, runs, users, overrides FROM sourcingx_app;

GRANT SELECT ON prices, installation_settings TO sourcingx_app, sourcingx_engine, sourcingx_definer;
GRANT INSERT, UPDATE ON prices, installation_settings TO sourcingx_definer;
