-- Staging and merging one import; {rows}, {links}, {places} and {heads} are the import's own tables.

-- name: allow_minutes
-- A file takes longer than a click: the whole transaction gets minutes instead of seconds.
SELECT set_config('statement_timeout', '10min', true), set_config('lock_timeout', '5min', true),
       set_config('idle_in_transaction_session_timeout', '5min', true)

-- name: create_rows
CREATE UNLOGGED TABLE {rows} (LIKE staging.rows)

-- name: create_places
CREATE UNLOGGED TABLE {places} (LIKE staging.places)

-- name: create_heads
CREATE UNLOGGED TABLE {heads} (LIKE staging.heads INCLUDING CONSTRAINTS)

-- name: drop_tables
DROP TABLE IF EXISTS {rows}, {links}, {places}, {heads}

-- name: copy_rows
COPY {rows} (row_number, url, urls, emails, extra, sources, full_name, first_name, last_name, headline, title, company,
             location, school, name_key, title_key, company_key, location_key, role_start, company_start,
             industry_months, words, profile, snapshot_hash) FROM STDIN

-- name: index_rows
ALTER TABLE {rows} ADD PRIMARY KEY (row_number)

-- name: analyze_rows
ANALYZE {rows} (row_number, url)

-- name: create_links
-- Every address of every row, each row still a person of its own.
CREATE UNLOGGED TABLE {links} AS
SELECT r.row_number, u.url, u.ordinality = 1 AS is_own, r.row_number AS person
  FROM {rows} r, unnest(r.urls) WITH ORDINALITY u (url, ordinality)

-- name: analyze_links
ANALYZE {links}

-- name: index_links
CREATE INDEX ON {links} (person)

-- name: join_people
-- Rows that share an address become one person, named by the lowest of their numbers so far.
WITH lowest AS (SELECT url, min(person) AS person FROM {links} GROUP BY url),
     joined AS (SELECT l.row_number, min(lowest.person) AS person FROM {links} l JOIN lowest USING (url) GROUP BY 1)
UPDATE {links} l SET person = joined.person FROM joined
 WHERE joined.row_number = l.row_number AND joined.person < l.person

-- name: shorten_paths
-- A row goes where the row goes that its person is named by: long chains close in few rounds.
WITH named AS (SELECT DISTINCT row_number, person FROM {links})
UPDATE {links} l SET person = named.person FROM named
 WHERE named.row_number = l.person AND named.person < l.person

-- name: lock_people
-- One merge at a time in an organization: whoever comes second sees whom the first one added.
SELECT pg_advisory_xact_lock(7310452, number) FROM organizations WHERE id = current_org()

-- name: place_rows
-- Find the candidate of each row: by its own address, else by any other of the rows with that own address, else
-- by any of its person's. Rows of people whom nobody knows yet share a new one.
--
-- Addresses are looked up one by one, here and below: of an organization that came since the last ANALYZE the
-- planner expects one row, and a join would be planned for that.
WITH hits AS MATERIALIZED (
    SELECT l.row_number, l.person, l.url, l.is_own,
           coalesce((SELECT a.candidate_id FROM candidate_aliases a WHERE a.org_id = current_org() AND a.url = l.url),
                    (SELECT c.id FROM candidates c WHERE c.org_id = current_org() AND c.profile_url = l.url)) AS owner
      FROM {links} l WHERE l.person >= %(first)s AND l.person < %(end)s
), by_row AS (
    SELECT row_number, person, url, is_own, owner, min(owner) OVER (PARTITION BY row_number) AS least FROM hits
), matched AS (
    SELECT row_number, person,
           coalesce(owner, min(least) OVER (PARTITION BY url), min(least) OVER (PARTITION BY person)) AS candidate_id
      FROM by_row WHERE is_own
)
INSERT INTO {places} (row_number, person, candidate_id, head)
SELECT row_number, person, candidate_id,
       min(row_number) OVER (PARTITION BY candidate_id, CASE WHEN candidate_id IS NULL THEN person END)
  FROM matched

-- name: note_possible_duplicates
-- A person of the file who reaches several candidates: those may be one human, which a human decides.
INSERT INTO possible_duplicates (org_id, candidate_id, other_candidate_id, import_id, row_number)
WITH several AS (
    SELECT row_number, person, url, count(*) OVER (PARTITION BY person) AS links
      FROM {links} WHERE person >= %(first)s AND person < %(end)s
), hits AS MATERIALIZED (
    SELECT s.row_number, s.person,
           (SELECT a.candidate_id FROM candidate_aliases a WHERE a.org_id = current_org() AND a.url = s.url)
               AS candidate_id
      FROM several s WHERE s.links > 1
)
SELECT current_org(), first_id, candidate_id, %(import_id)s, row_number FROM (
    SELECT person, candidate_id, min(row_number) AS row_number, min(candidate_id) OVER (PARTITION BY person) AS first_id
      FROM hits WHERE candidate_id IS NOT NULL GROUP BY person, candidate_id) reached
 WHERE candidate_id <> first_id
ON CONFLICT DO NOTHING

-- name: list_heads
INSERT INTO {heads} (head, candidate_id, rows, content_row)
SELECT head, candidate_id, count(*), CASE WHEN count(*) = 1 THEN min(row_number) END
  FROM {places} GROUP BY head, candidate_id

-- name: analyze_places
ANALYZE {places}

-- name: analyze_heads
ANALYZE {heads}

-- name: settle_repeats
-- One row that says of a known person exactly what is stored already needs no second look.
UPDATE {heads} h SET outcome = 'same'
  FROM {rows} r
 WHERE h.candidate_id IS NOT NULL AND r.row_number = h.content_row
   AND (SELECT p.snapshot_hash = r.snapshot_hash AND p.extra @> r.extra
          FROM candidate_profiles p WHERE p.candidate_id = h.candidate_id)
   AND (r.emails = '{{}}' OR r.emails <@ ARRAY(
           SELECT c.email FROM candidate_emails c WHERE c.candidate_id = h.candidate_id))
   AND NOT EXISTS (SELECT FROM unnest(r.urls) u (url) WHERE (
           SELECT a.candidate_id FROM candidate_aliases a WHERE a.org_id = current_org() AND a.url = u.url) IS NULL)

-- name: settle_new
-- One row about one new person is stored as it stands. Without words it was staged for somebody who was known
-- then and is gone now: such a row is folded like the others, which finds its words.
UPDATE {heads} h SET outcome = 'added'
  FROM {rows} r
 WHERE h.candidate_id IS NULL AND r.row_number = h.content_row AND r.words <> ''

-- name: rows_to_fold
-- What is left needs thought: several rows about one person, or a row that tells a known person something.
SELECT h.head, h.candidate_id, r.row_number, r.url, r.urls, r.emails, r.extra, r.profile
  FROM {heads} h JOIN {places} p ON p.head = h.head JOIN {rows} r ON r.row_number = p.row_number
 WHERE h.outcome IS NULL
 ORDER BY h.head, r.row_number

-- name: stored_people
-- The known people behind some heads, locked in the order of their ids.
SELECT c.id, c.email, c.enriched_at IS NOT NULL AS is_enriched, c.role_start, c.company_start,
       p.profile, p.extra, p.field_sources,
       ARRAY(SELECT a.url FROM candidate_aliases a WHERE a.candidate_id = c.id) AS urls,
       ARRAY(SELECT e.email FROM candidate_emails e WHERE e.candidate_id = c.id) AS emails
  FROM candidates c LEFT JOIN candidate_profiles p ON p.candidate_id = c.id
 WHERE c.id = ANY (%(candidate_ids)s)
 ORDER BY c.id FOR UPDATE OF c

-- name: owned_urls
-- Which of these addresses already belong to somebody.
SELECT u.url FROM unnest(%(urls)s::text[]) u (url)
 WHERE (SELECT a.candidate_id FROM candidate_aliases a WHERE a.org_id = current_org() AND a.url = u.url) IS NOT NULL

-- name: join_by_sets
-- What is stored from here on touches whole sets, whatever the planner believes of their sizes.
SELECT set_config('enable_nestloop', 'off', true)

-- name: join_as_planned
SELECT set_config('enable_nestloop', 'on', true)

-- name: settle_heads
UPDATE {heads} h SET outcome = s.outcome, content_row = s.content_row
  FROM unnest(%(heads)s::int[], %(outcomes)s::text[], %(content_rows)s::int[]) s (head, outcome, content_row)
 WHERE h.head = s.head

-- name: insert_candidates
WITH inserted AS (
    INSERT INTO candidates (org_id, profile_url, full_name, first_name, last_name, headline, title, company, location,
                            school, email, email_source, name_key, title_key, company_key, location_key, role_start,
                            company_start, industry_months, source, words)
    SELECT current_org(), r.url, r.full_name, r.first_name, r.last_name, r.headline, r.title, r.company, r.location,
           r.school, coalesce(r.emails[1], ''), CASE WHEN r.emails[1] IS NULL THEN '' ELSE 'import' END, r.name_key,
           r.title_key, r.company_key, r.location_key, r.role_start, r.company_start, r.industry_months, 'import',
           r.words
      FROM {heads} h JOIN {rows} r ON r.row_number = h.content_row
     WHERE h.outcome = 'added'
     ORDER BY h.head
    RETURNING id, profile_url)
UPDATE {heads} h SET candidate_id = i.id
  FROM inserted i JOIN {rows} r ON r.url = i.profile_url
 WHERE r.row_number = h.content_row AND h.outcome = 'added'

-- name: update_candidates
UPDATE candidates c
   SET full_name = r.full_name, first_name = r.first_name, last_name = r.last_name, headline = r.headline,
       title = r.title, company = r.company, location = r.location, school = r.school,
       email = CASE WHEN c.email = '' THEN coalesce(r.emails[1], '') ELSE c.email END,
       email_source = CASE WHEN c.email = '' AND r.emails[1] IS NOT NULL THEN 'import' ELSE c.email_source END,
       name_key = r.name_key, title_key = r.title_key, company_key = r.company_key, location_key = r.location_key,
       role_start = r.role_start, company_start = r.company_start, industry_months = r.industry_months,
       words = r.words, updated_at = now()
  FROM {heads} h JOIN {rows} r ON r.row_number = h.content_row
 WHERE h.outcome = 'updated' AND c.id = h.candidate_id
   AND c.id = ANY (ARRAY(SELECT u.candidate_id FROM {heads} u WHERE u.outcome = 'updated'))

-- name: write_profiles
INSERT INTO candidate_profiles AS p (candidate_id, org_id, profile, snapshot_hash, extra, field_sources)
SELECT h.candidate_id, current_org(), r.profile, r.snapshot_hash, r.extra, r.sources
  FROM {heads} h JOIN {rows} r ON r.row_number = h.content_row
 WHERE h.outcome IN ('added', 'updated')
ON CONFLICT (candidate_id) DO UPDATE
   SET profile = excluded.profile, snapshot_hash = excluded.snapshot_hash, extra = excluded.extra,
       field_sources = excluded.field_sources

-- name: append_aliases
-- An address that belongs to somebody else stays theirs.
INSERT INTO candidate_aliases (org_id, url, candidate_id)
SELECT current_org(), l.url, h.candidate_id
  FROM {heads} h JOIN {places} p ON p.head = h.head JOIN {links} l ON l.row_number = p.row_number
 WHERE h.outcome IN ('added', 'updated')
 ORDER BY l.url, l.is_own DESC, l.row_number
ON CONFLICT DO NOTHING

-- name: append_emails
INSERT INTO candidate_emails (org_id, candidate_id, email, source)
SELECT current_org(), h.candidate_id, e.email, 'import'
  FROM {heads} h JOIN {rows} r ON r.row_number = h.content_row, unnest(r.emails) e (email)
 WHERE h.outcome IN ('added', 'updated')
ON CONFLICT DO NOTHING

-- name: note_sources
INSERT INTO candidate_sources (org_id, candidate_id, source, import_id, row_number)
SELECT current_org(), candidate_id, 'import', %(import_id)s, head FROM {heads} ORDER BY head

-- name: join_list
INSERT INTO list_members (org_id, list_id, candidate_id, added_by)
SELECT current_org(), %(list_id)s, candidate_id, current_actor() FROM {heads} ORDER BY head
ON CONFLICT DO NOTHING

-- name: count_outcomes
-- Each row is counted once: it made a person, changed one, or told nothing new.
SELECT count(*) FILTER (WHERE outcome = 'added') AS added, count(*) FILTER (WHERE outcome = 'updated') AS updated,
       coalesce(sum(rows), 0)::int - count(*) FILTER (WHERE outcome IN ('added', 'updated')) AS merged
  FROM {heads}

-- name: empty_merge
TRUNCATE {places}, {heads}
