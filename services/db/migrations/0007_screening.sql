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

-- How everybody stands in a position: what a person decided; else a failure since the last verdict, which must not
-- hide behind it; else the newest verdict, of the highest version; else why there is none. With a list or with
-- ids, those people; without either, everybody who was ever screened for the position or waits to be.
CREATE FUNCTION standings(asked_position uuid, asked_list uuid, asked_people bigint[] DEFAULT NULL)
RETURNS TABLE (candidate_id bigint, screening_id bigint, override_id bigint, item_id bigint, standing text, score int,
               extras_met int)
LANGUAGE sql STABLE AS $$
    WITH latest AS (
        SELECT DISTINCT ON (s.candidate_id) s.candidate_id, s.id, s.item_id, s.verdict, s.score
          FROM screenings s JOIN position_versions v ON v.id = s.version_id
         WHERE s.org_id = (SELECT current_org()) AND s.position_id = asked_position
           AND (asked_people IS NULL OR s.candidate_id = ANY (asked_people))
         ORDER BY s.candidate_id, v.number DESC, s.id DESC
    ), decided AS (
        SELECT DISTINCT ON (o.screening_id) o.screening_id, o.id, o.verdict
          FROM overrides o JOIN latest l ON l.id = o.screening_id
         WHERE o.undone_at IS NULL
         ORDER BY o.screening_id, o.id DESC
    ), attempts AS (
        SELECT DISTINCT ON (i.candidate_id) i.candidate_id, i.id, i.state, r.finished_at
          FROM runs r
          JOIN position_versions v ON v.id = r.version_id AND v.position_id = asked_position
          JOIN run_items i ON i.run_id = r.id
         WHERE r.org_id = (SELECT current_org()) AND r.kind = 'screening'
           AND (asked_people IS NULL OR i.candidate_id = ANY (asked_people))
         ORDER BY i.candidate_id, i.id DESC
    ), scope AS (
        SELECT m.candidate_id FROM list_members m WHERE m.org_id = (SELECT current_org()) AND m.list_id = asked_list
        UNION
        SELECT c.id FROM candidates c WHERE c.org_id = (SELECT current_org()) AND c.id = ANY (asked_people)
        UNION
        SELECT l.candidate_id FROM latest l WHERE asked_list IS NULL AND asked_people IS NULL
        UNION
        SELECT a.candidate_id FROM attempts a
         WHERE asked_list IS NULL AND asked_people IS NULL AND a.candidate_id IS NOT NULL
    )
    SELECT p.candidate_id, l.id, d.id, a.id,
           coalesce(d.verdict,
                    CASE WHEN a.state IN ('failed', 'refused', 'skipped', 'unknown')
                          AND a.id > coalesce(l.item_id, 0) THEN a.state END,
                    l.verdict,
                    CASE WHEN a.state IN ('waiting', 'claimed', 'sent') AND a.finished_at IS NULL
                         THEN 'waiting' ELSE 'none' END),
           l.score, e.met
      FROM scope p
      LEFT JOIN latest l ON l.candidate_id = p.candidate_id
      LEFT JOIN decided d ON d.screening_id = l.id
      LEFT JOIN screening_extras e ON e.screening_id = l.id
      LEFT JOIN attempts a ON a.candidate_id = p.candidate_id
$$;
GRANT EXECUTE ON FUNCTION standings(uuid, uuid, bigint[]) TO sourcingx_app;
CREATE INDEX runs_of_version ON runs (version_id) WHERE version_id IS NOT NULL;
