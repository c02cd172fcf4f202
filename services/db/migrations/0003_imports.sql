-- Imports: a role that may fill staging tables, what an import noticed, and people who may be one person
-- (docs/decisions/merge.md).

-- COPY into a table under a policy is refused, so files are staged in tables of their own, outside public
-- and without a policy. Only this role reaches them. Everything else it may, it has through sourcingx_app,
-- whose policies therefore bind it as well.
DO $$
BEGIN
    BEGIN
        CREATE ROLE sourcingx_import NOLOGIN NOSUPERUSER NOBYPASSRLS;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;  -- roles belong to the cluster: another database of it made this one first
    END;
    BEGIN
        GRANT sourcingx_import TO CURRENT_USER WITH SET TRUE, INHERIT FALSE;
    EXCEPTION WHEN insufficient_privilege THEN
        IF NOT pg_has_role(CURRENT_USER, 'sourcingx_import', 'SET') THEN RAISE; END IF;
    END;
    BEGIN
        GRANT sourcingx_app TO sourcingx_import WITH SET FALSE, INHERIT TRUE;
    EXCEPTION WHEN insufficient_privilege THEN
        IF NOT pg_has_role('sourcingx_import', 'sourcingx_app', 'USAGE') THEN RAISE; END IF;
    END;
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'sourcingx_login') THEN
        BEGIN
            GRANT sourcingx_import TO sourcingx_login WITH SET TRUE, INHERIT FALSE;
        EXCEPTION WHEN insufficient_privilege THEN
            IF NOT pg_has_role('sourcingx_login', 'sourcingx_import', 'SET') THEN RAISE; END IF;
        END;
    END IF;
END $$;

CREATE SCHEMA staging;
GRANT USAGE, CREATE ON SCHEMA staging TO sourcingx_import;

-- The patterns of which every import makes tables of its own. They stay empty.

-- One row of a file as a person, or (number below 0) several of them folded into one.
CREATE TABLE staging.rows (
    row_number       int NOT NULL,
    url              text NOT NULL,
    urls             text[] NOT NULL,
    emails           text[] NOT NULL,
    extra            jsonb NOT NULL,
    sources          jsonb NOT NULL,
    full_name        text NOT NULL,
    first_name       text NOT NULL,
    last_name        text NOT NULL,
    headline         text NOT NULL,
    title            text NOT NULL,
    company          text NOT NULL,
    location         text NOT NULL,
    school           text NOT NULL,
    name_key         text NOT NULL,
    title_key        text NOT NULL,
    company_key      text NOT NULL,
    location_key     text NOT NULL,
    role_start       int,
    company_start    int,
    industry_months  int,
    words            tsvector NOT NULL,
    profile          jsonb NOT NULL,
    snapshot_hash    bytea NOT NULL
);
-- Every address of every row; rows with one `person` are one person, named by the lowest row number.
CREATE TABLE staging.links (
    row_number  int NOT NULL,
    url         text NOT NULL,
    is_own      boolean NOT NULL,
    person      int NOT NULL
);
-- Where each row of the people being merged goes: rows with one `head` go to one candidate.
CREATE TABLE staging.places (
    row_number    int NOT NULL,
    person        int NOT NULL,
    candidate_id  bigint,
    head          int NOT NULL
);
-- One entry for each candidate to be made or changed; `content_row` is the staged row with their data.
CREATE TABLE staging.heads (
    head          int NOT NULL,
    candidate_id  bigint,
    rows          int NOT NULL,
    content_row   int,
    outcome       text CHECK (outcome IN ('added', 'updated', 'same'))
);
GRANT SELECT ON staging.rows, staging.links, staging.places, staging.heads TO sourcingx_import;

ALTER TABLE imports ADD COLUMN notes jsonb NOT NULL DEFAULT '[]';
COMMENT ON COLUMN imports.notes IS 'what was left out of kept rows: note, field, rows, first_row';
CREATE INDEX imports_by_file ON imports (org_id, file_sha256) WHERE state = 'done';

-- Two candidates whom one row of a file names at once; a person decides, nothing merges them by itself.
CREATE TABLE possible_duplicates (
    org_id              uuid NOT NULL,
    candidate_id        bigint NOT NULL,
    other_candidate_id  bigint NOT NULL,
    import_id           uuid,
    row_number          int,
    at                  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (candidate_id, other_candidate_id),
    CHECK (candidate_id < other_candidate_id),
    FOREIGN KEY (org_id, candidate_id) REFERENCES candidates (org_id, id) ON DELETE CASCADE,
    FOREIGN KEY (org_id, other_candidate_id) REFERENCES candidates (org_id, id) ON DELETE CASCADE
);
CREATE INDEX possible_duplicates_of_other ON possible_duplicates (other_candidate_id);
CREATE INDEX possible_duplicates_of_import ON possible_duplicates (import_id);
ALTER TABLE possible_duplicates ENABLE ROW LEVEL SECURITY;
ALTER TABLE possible_duplicates FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON possible_duplicates TO sourcingx_app
    USING (org_id = current_org()) WITH CHECK (org_id = current_org());
CREATE POLICY definer ON possible_duplicates TO sourcingx_definer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON possible_duplicates TO sourcingx_app, sourcingx_definer;

-- Uploads that nobody imported, in all organizations: they are given up, and their files may be deleted.
CREATE FUNCTION discard_stale_imports(older_than timestamptz) RETURNS SETOF text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    WITH stale AS (
        SELECT id, stored_as FROM imports
         WHERE state = 'uploaded' AND created_at < older_than FOR UPDATE SKIP LOCKED
    ), discarded AS (
        UPDATE imports i SET state = 'discarded', stored_as = NULL, finished_at = now() FROM stale WHERE i.id = stale.id
    )
    SELECT stored_as FROM stale WHERE stored_as IS NOT NULL
$$;
REVOKE ALL ON FUNCTION discard_stale_imports(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION discard_stale_imports(timestamptz) TO sourcingx_engine;
ALTER FUNCTION discard_stale_imports(timestamptz) OWNER TO sourcingx_definer;
