-- name: profiles_for_items
-- What the judge needs of the people of one batch, and no more.
SELECT p.candidate_id, p.profile, p.snapshot_hash
  FROM candidate_profiles p
 WHERE p.org_id = current_org() AND p.candidate_id = ANY(%(candidate_ids)s)

-- name: insert_text
INSERT INTO screening_texts (org_id, sha256, text) VALUES (current_org(), %(sha256)s, %(text)s)
ON CONFLICT (org_id, sha256) DO NOTHING

-- name: insert_screening
-- One result an item, whoever comes first: the constraint, not the code, keeps the second one out.
INSERT INTO screenings (org_id, run_id, item_id, candidate_id, position_id, version_id, verdict, score, summary,
                        outcomes, reasons, snapshot_hash, text_sha256, prompt_version, prompt_hash, model, fingerprint,
                        tokens_in, tokens_cached, tokens_out, cost_usd, latency_ms, raw_answer, asked_by)
VALUES (current_org(), %(run_id)s, %(item_id)s, %(candidate_id)s, %(position_id)s, %(version_id)s, %(verdict)s,
        %(score)s, %(summary)s, %(outcomes)s, %(reasons)s, %(snapshot_hash)s, %(text_sha256)s, %(prompt_version)s,
        %(prompt_hash)s, %(model)s, %(fingerprint)s, %(tokens_in)s, %(tokens_cached)s, %(tokens_out)s, %(cost_usd)s,
        %(latency_ms)s, %(raw_answer)s, %(asked_by)s)
ON CONFLICT (item_id) DO NOTHING

-- name: insert_extras
INSERT INTO screening_extras (screening_id, org_id, met, asked, tags, outcomes, raw_answer, prompt_hash, tokens_in,
                              tokens_out, cost_usd)
SELECT s.id, current_org(), %(met)s, %(asked)s, %(tags)s, %(outcomes)s, %(raw_answer)s, %(prompt_hash)s, %(tokens_in)s,
       %(tokens_out)s, %(cost_usd)s
  FROM screenings s WHERE s.item_id = %(item_id)s
ON CONFLICT (screening_id) DO NOTHING

-- name: average_call
-- What a call to this model has needed lately in this organization; nulls before the first.
SELECT round(avg(tokens_in))::int, round(avg(tokens_out))::int, count(*)
  FROM (SELECT tokens_in, tokens_out FROM ledger
         WHERE org_id = current_org() AND provider = 'openai' AND operation = %(operation)s AND status = 'charged'
         ORDER BY at DESC LIMIT 500) recent

-- name: source_counts
-- Of the people asked about: how many there are, have a verdict, are in an unfinished run; and of those whom
-- `pick_candidates` would take (the same rule, order and limit), how many, and how many with a thin profile.
WITH asked AS (
    SELECT m.candidate_id, m.position FROM list_members m
     WHERE m.org_id = current_org() AND m.list_id = %(list_id)s::uuid
    UNION ALL
    SELECT c.id, c.id FROM candidates c
     WHERE c.org_id = current_org() AND c.id = ANY(%(candidate_ids)s::bigint[])
), people AS MATERIALIZED (
    SELECT a.candidate_id, a.position, p.enrichment IN ('none', 'thin') AS is_thin,
           EXISTS (SELECT 1 FROM screenings s
                    WHERE s.candidate_id = a.candidate_id AND s.version_id = %(version_id)s) AS has_verdict,
           EXISTS (SELECT 1 FROM run_items i JOIN runs r ON r.id = i.run_id
                    WHERE i.candidate_id = a.candidate_id AND r.version_id = %(version_id)s
                      AND r.finished_at IS NULL AND i.state IN ('waiting', 'claimed', 'sent')) AS is_under_way
      FROM (SELECT candidate_id, min(position) AS position FROM asked GROUP BY candidate_id) a
      JOIN candidates p ON p.id = a.candidate_id
), picked AS (
    SELECT c.is_thin FROM people c
     WHERE NOT c.is_under_way AND NOT (%(only_missing)s AND c.has_verdict)
     ORDER BY c.position, c.candidate_id LIMIT %(limit)s
)
SELECT count(*) AS people,
       count(*) FILTER (WHERE c.has_verdict) AS screened_with_version,
       count(*) FILTER (WHERE c.is_under_way) AS under_way,
       (SELECT count(*) FROM picked) AS to_screen,
       (SELECT count(*) FROM picked WHERE is_thin) AS thin
  FROM people c

-- name: lock_version
-- One start at a time for a version: whoever comes second sees whom the first one took.
SELECT pg_advisory_xact_lock(7310453, hashtext(%(version_id)s::text))

-- name: pick_candidates
-- The people a run is about, in the list's order: all of them, or those without a verdict for this version; never
-- somebody whom an unfinished run has already. Somebody whose last attempt failed has no verdict and is picked.
SELECT a.candidate_id
  FROM (SELECT b.candidate_id, min(b.position) AS position
          FROM (SELECT m.candidate_id, m.position FROM list_members m
                 WHERE m.org_id = current_org() AND m.list_id = %(list_id)s::uuid
                UNION ALL
                SELECT c.id, c.id FROM candidates c
                 WHERE c.org_id = current_org() AND c.id = ANY(%(candidate_ids)s::bigint[])) b
         GROUP BY b.candidate_id) a
 WHERE (NOT %(only_missing)s OR NOT EXISTS (
       SELECT 1 FROM screenings s WHERE s.candidate_id = a.candidate_id AND s.version_id = %(version_id)s))
   AND NOT EXISTS (
       SELECT 1 FROM run_items i JOIN runs r ON r.id = i.run_id
        WHERE i.candidate_id = a.candidate_id AND r.version_id = %(version_id)s AND r.finished_at IS NULL
          AND i.state IN ('waiting', 'claimed', 'sent'))
 ORDER BY a.position, a.candidate_id
 LIMIT %(limit)s

-- name: people_of_run
-- Whom a run was about, as far as they still exist.
SELECT i.candidate_id FROM run_items i WHERE i.run_id = %(run_id)s AND i.candidate_id IS NOT NULL

-- name: result_counts
-- How the people in view stand: by the verdict that counts, and by state where there is none.
SELECT standing, count(*) FROM standings(%(position_id)s, %(list_id)s, %(candidate_ids)s) GROUP BY standing

-- name: results
-- One page of people with their newest verdict for a position, best first; the id makes the order complete.
WITH page AS MATERIALIZED (
    SELECT t.*, array_position(ARRAY['GO', 'MAYBE', 'NO GO'], t.standing) AS rank
      FROM standings(%(position_id)s, %(list_id)s, %(candidate_ids)s) t
     WHERE %(standings)s::text[] IS NULL OR t.standing = ANY(%(standings)s)
     ORDER BY rank NULLS LAST, t.score DESC NULLS LAST, t.extras_met DESC NULLS LAST, t.candidate_id
     LIMIT %(limit)s OFFSET %(offset)s
)
SELECT c.id AS candidate_id, c.full_name, c.title, c.company, c.location, c.email, c.profile_url,
       s.id AS screening_id, s.verdict AS model_verdict, s.score, s.summary, s.reasons, v.number AS version_number,
       s.created_at AS screened_at, o.id AS override_id, o.verdict AS override_verdict, o.reason AS override_reason,
       u.name AS override_by, e.met AS extras_met, e.asked AS extras_asked, e.tags AS extras_tags,
       i.run_id, i.state AS item_state, i.reason AS item_reason, t.standing,
       v.number < (SELECT max(n.number) FROM position_versions n
                    WHERE n.position_id = %(position_id)s AND n.approved_at IS NOT NULL) AS is_outdated
  FROM page t
  JOIN candidates c ON c.id = t.candidate_id
  LEFT JOIN screenings s ON s.id = t.screening_id
  LEFT JOIN position_versions v ON v.id = s.version_id
  LEFT JOIN screening_extras e ON e.screening_id = s.id
  LEFT JOIN overrides o ON o.id = t.override_id
  LEFT JOIN users u ON u.id = o.user_id
  LEFT JOIN run_items i ON i.id = t.item_id
 ORDER BY t.rank NULLS LAST, t.score DESC NULLS LAST, t.extras_met DESC NULLS LAST, t.candidate_id

-- name: find_screening
-- Everything one verdict is defended with.
SELECT s.id, s.candidate_id, c.full_name, c.title AS candidate_title, c.company, c.profile_url, s.position_id, s.version_id,
       v.number AS version_number,
       v.number < (SELECT max(n.number) FROM position_versions n
                    WHERE n.position_id = s.position_id AND n.approved_at IS NOT NULL) AS is_outdated,
       p.title AS position_title, s.run_id, s.verdict, s.score, s.summary, s.outcomes,
       s.reasons, encode(s.snapshot_hash, 'hex') AS snapshot_hash, encode(s.text_sha256, 'hex') AS text_sha256,
       t.text AS sent_text, s.prompt_version, encode(s.prompt_hash, 'hex') AS prompt_hash, s.model, s.fingerprint,
       s.tokens_in, s.tokens_cached, s.tokens_out, s.cost_usd, s.latency_ms, s.raw_answer, u.name AS asked_by_name,
       s.created_at, e.met AS extras_met, e.asked AS extras_asked, e.tags AS extras_tags, e.outcomes AS extras_outcomes
  FROM screenings s
  JOIN candidates c ON c.id = s.candidate_id
  JOIN positions p ON p.id = s.position_id
  JOIN position_versions v ON v.id = s.version_id
  JOIN screening_texts t ON t.org_id = s.org_id AND t.sha256 = s.text_sha256
  JOIN users u ON u.id = s.asked_by
  LEFT JOIN screening_extras e ON e.screening_id = s.id
 WHERE s.id = %(screening_id)s

-- name: overrides_of
SELECT o.id, o.verdict, o.reason, o.user_id, u.name AS by_name, o.at, o.undone_at
  FROM overrides o JOIN users u ON u.id = o.user_id
 WHERE o.screening_id = %(screening_id)s ORDER BY o.id DESC

-- name: insert_override
INSERT INTO overrides (org_id, screening_id, verdict, reason, user_id)
SELECT current_org(), s.id, %(verdict)s, %(reason)s, %(user_id)s FROM screenings s WHERE s.id = %(screening_id)s
RETURNING id

-- name: undo_newest_override
-- The newest decision of this user that stands, of those named and of those about one verdict. Undone, not removed:
-- what somebody once decided stays readable.
UPDATE overrides o SET undone_at = now()
  FROM screenings s JOIN candidates c ON c.id = s.candidate_id
 WHERE s.id = o.screening_id AND o.undone_at IS NULL
   AND o.id = (SELECT n.id FROM overrides n
                WHERE n.user_id = %(user_id)s AND n.undone_at IS NULL
                  AND (n.id = ANY(%(override_ids)s::bigint[]) OR n.screening_id = %(screening_id)s::bigint)
                ORDER BY n.id DESC LIMIT 1)
RETURNING o.screening_id, o.verdict, c.full_name

-- name: runs_of_position
-- The latest screening runs of a position, with what a watcher of its results needs.
SELECT r.id, r.state, r.items, r.done, r.failed, r.refused, r.skipped, r.unknown, r.created_at, u.name AS user_name
  FROM runs r JOIN position_versions v ON v.id = r.version_id JOIN users u ON u.id = r.user_id
 WHERE r.org_id = current_org() AND v.position_id = %(position_id)s AND r.kind = 'screening'
 ORDER BY r.created_at DESC LIMIT %(limit)s

-- name: organization_run_cap
-- The most a run may cost where its starter says nothing else, as the organization set it.
SELECT (o.settings ->> 'run_cap_usd')::numeric FROM organizations o WHERE o.id = current_org()
