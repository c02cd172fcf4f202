-- name: search_candidates
-- One block of the grid in order, all parts of all people in one text, and the total.
SELECT people, total, total_is_exact
  FROM search_candidates(%(filters)s, %(sort)s, %(descending)s, %(first)s, %(size)s)

-- name: count_candidates
-- How many match: exact up to the given number, else an expectation.
SELECT total, total_is_exact FROM count_candidates(%(filters)s, %(most)s)

-- name: find_candidate
-- What is known of one person, without what a provider sent.
SELECT c.id, c.profile_url, c.full_name, c.headline, c.title, c.company, c.location, c.role_start, c.industry_months,
       c.enrichment, c.attempted_at, c.enriched_at, c.source, c.created_at, c.updated_at,
       coalesce(p.profile, '{}') AS profile,
       (SELECT count(*) FROM candidate_payloads y WHERE y.candidate_id = c.id) AS payloads
  FROM candidates c LEFT JOIN candidate_profiles p ON p.candidate_id = c.id
 WHERE c.id = %(id)s

-- name: emails_of
-- Every address of a person, and the one of the listing if no other table knows it.
SELECT email, kind, source FROM candidate_emails WHERE candidate_id = %(id)s
UNION
SELECT email, 'unknown', email_source FROM candidates c
 WHERE c.id = %(id)s AND c.email <> ''
   AND NOT EXISTS (SELECT FROM candidate_emails e WHERE e.candidate_id = c.id AND e.email = c.email)
 ORDER BY email

-- name: sources_of
-- Where a person came from, newest first.
SELECT s.source, s.at, coalesce(i.file_name, '') AS file_name, s.row_number
  FROM candidate_sources s LEFT JOIN imports i ON i.id = s.import_id
 WHERE s.candidate_id = %(id)s ORDER BY s.at DESC LIMIT 50

-- name: lists_of
-- The lists a person is on.
SELECT l.id, l.name FROM list_members m JOIN lists l ON l.id = m.list_id
 WHERE m.candidate_id = %(id)s AND l.archived_at IS NULL ORDER BY lower(l.name) LIMIT 200

-- name: screenings_of
-- The newest screening of a person for each position, with what a person decided instead.
SELECT s.id, s.position_id, p.title AS position_title, s.verdict, s.score, s.summary, s.created_at,
       o.verdict AS decided, coalesce(o.reason, '') AS reason
  FROM (SELECT DISTINCT ON (position_id) * FROM screenings WHERE candidate_id = %(id)s ORDER BY position_id, id DESC) s
  JOIN positions p ON p.id = s.position_id
  LEFT JOIN LATERAL (SELECT w.verdict, w.reason FROM overrides w WHERE w.screening_id = s.id AND w.undone_at IS NULL
                      ORDER BY w.id DESC LIMIT 1) o ON true
 ORDER BY s.created_at DESC LIMIT 50

-- name: newest_payload
-- What a provider sent last about a person, verbatim and cut at a length.
SELECT source, fetched_at, left(jsonb_pretty(payload), %(longest)s) AS text, length(payload::text) AS length
  FROM candidate_payloads WHERE candidate_id = %(id)s ORDER BY fetched_at DESC LIMIT 1

-- name: open_lists
-- Lists that people can be added to or filtered by, the latest first.
SELECT id, name FROM lists WHERE archived_at IS NULL ORDER BY created_at DESC, id LIMIT %(most)s

-- name: candidate_sources
-- The sources that people of this organization have.
WITH RECURSIVE found AS (
    (SELECT source FROM candidates WHERE org_id = current_org() ORDER BY source LIMIT 1)
    UNION ALL
    SELECT (SELECT c.source FROM candidates c WHERE c.org_id = current_org() AND c.source > found.source
             ORDER BY c.source LIMIT 1)
      FROM found WHERE found.source IS NOT NULL)
SELECT source FROM found WHERE source <> '' LIMIT 100

-- name: add_matching_to_list
-- Add everybody who matches to a list, in the order shown, without a cap.
INSERT INTO list_members (list_id, candidate_id, org_id, added_by)
SELECT l.id, m.id, l.org_id, current_actor()
  FROM lists l CROSS JOIN matching_candidates(%(filters)s, %(sort)s, %(descending)s) AS m (id)
 WHERE l.id = %(list_id)s AND l.archived_at IS NULL
    ON CONFLICT (list_id, candidate_id) DO NOTHING

-- name: list_is_open
-- Whether a list can be added to.
SELECT EXISTS (SELECT FROM lists WHERE id = %(list_id)s AND archived_at IS NULL)

-- name: allow_minutes
-- A statement over everybody may take longer than a click; this transaction only.
SELECT set_config('statement_timeout', %(minutes)s || 'min', true)

-- name: live_runs_of
-- The runs that still work on a person.
SELECT DISTINCT r.title FROM run_items i JOIN runs r ON r.id = i.run_id
 WHERE i.candidate_id = %(id)s AND i.state IN ('waiting', 'claimed', 'sent')
   AND r.state IN ('queued', 'running', 'paused', 'stopping')
 ORDER BY r.title LIMIT 5

-- name: erase_candidate
-- Remove a person and everything that tells of one.
SELECT erase_candidate(%(id)s)

-- name: note_erasure
-- Say in the audit that a person was removed, by id only.
INSERT INTO audit_events (org_id, user_id, action, object)
VALUES (current_org(), current_actor(), 'candidate erased', %(id)s::text)
