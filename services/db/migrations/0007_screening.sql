-- Screening: nice-to-haves are stored beside the verdict they do not change; prices and their exactness.

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

-- Money is exact to ten places: the smallest price, of one cached token, needs them (docs/rules/money.md).
ALTER TABLE runs ALTER COLUMN cap_usd TYPE numeric(20, 10), ALTER COLUMN estimate_usd TYPE numeric(20, 10),
    ALTER COLUMN cost_usd TYPE numeric(20, 10);
ALTER TABLE intents ALTER COLUMN reserved_usd TYPE numeric(20, 10);
ALTER TABLE ledger ALTER COLUMN cost_usd TYPE numeric(20, 10);
ALTER TABLE screenings ALTER COLUMN cost_usd TYPE numeric(20, 10);
ALTER TABLE screening_extras ALTER COLUMN cost_usd TYPE numeric(20, 10);
ALTER TABLE prices ALTER COLUMN usd TYPE numeric(20, 10), ADD COLUMN long_input_over int;
COMMENT ON COLUMN prices.long_input_over IS 'above so many input tokens a call costs 2x for input, 1.5x for output';
