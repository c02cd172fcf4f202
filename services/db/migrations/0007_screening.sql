-- Screening: an item may need a second call (the nice-to-haves), and its result is stored beside the first.

ALTER TABLE run_items ADD COLUMN stage int NOT NULL DEFAULT 1 CHECK (stage >= 1);

-- Nice-to-haves: bonus tags of one screening; without a row here they were not checked.
CREATE TABLE screening_extras (
    screening_id    bigint PRIMARY KEY,
    org_id          uuid NOT NULL,
    met             int NOT NULL,
    asked           int NOT NULL,
    tags            text[] NOT NULL,
    outcomes        jsonb NOT NULL,
    raw_answer      text NOT NULL,
    prompt_hash     bytea NOT NULL,
    tokens_in       int NOT NULL DEFAULT 0,
    tokens_out      int NOT NULL DEFAULT 0,
    cost_usd        numeric(18, 8),
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (met BETWEEN 0 AND asked),
    FOREIGN KEY (org_id, screening_id) REFERENCES screenings (org_id, id)
);
ALTER TABLE screening_extras ENABLE ROW LEVEL SECURITY;
ALTER TABLE screening_extras FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON screening_extras TO sourcingx_app
    USING (org_id = current_org()) WITH CHECK (org_id = current_org());
CREATE POLICY definer ON screening_extras TO sourcingx_definer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON screening_extras TO sourcingx_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON screening_extras TO sourcingx_definer;

ALTER TABLE screenings DROP COLUMN nice_met, DROP COLUMN nice_total, DROP COLUMN raw_nice_answer;
