-- name: lock_organization_people
-- One writer of people at a time in an organization, as in a merge: whoever comes second sees the first.
SELECT pg_advisory_xact_lock(7310452, number), number FROM organizations WHERE id = current_org()

-- name: people_at
-- Who is known by these addresses, with what is stored of them.
SELECT a.url AS asked_url, c.id AS candidate_id, c.profile_url, c.enrichment, p.profile, p.field_sources,
       ARRAY(SELECT o.url FROM candidate_aliases o WHERE o.candidate_id = c.id) AS urls
  FROM candidate_aliases a
  JOIN candidates c ON c.id = a.candidate_id
  LEFT JOIN candidate_profiles p ON p.candidate_id = c.id
 WHERE a.org_id = current_org() AND a.url = ANY(%(urls)s)

-- name: update_candidate
UPDATE candidates
   SET full_name = %(full_name)s, first_name = %(first_name)s, last_name = %(last_name)s, headline = %(headline)s,
       title = %(title)s, company = %(company)s, location = %(location)s, school = %(school)s,
       name_key = %(name_key)s, title_key = %(title_key)s, company_key = %(company_key)s,
       location_key = %(location_key)s, role_start = %(role_start)s, company_start = %(company_start)s,
       industry_months = %(industry_months)s, words = %(words)s::tsvector, enrichment = %(enrichment)s,
       attempted_at = now(), enriched_at = now(), updated_at = now()
 WHERE id = %(candidate_id)s

-- name: store_profile
INSERT INTO candidate_profiles (candidate_id, org_id, profile, snapshot_hash, field_sources)
VALUES (%(candidate_id)s, current_org(), %(profile)s, %(snapshot_hash)s, %(field_sources)s)
ON CONFLICT (candidate_id) DO UPDATE
   SET profile = EXCLUDED.profile, snapshot_hash = EXCLUDED.snapshot_hash, field_sources = EXCLUDED.field_sources

-- name: add_alias
INSERT INTO candidate_aliases (org_id, url, candidate_id) VALUES (current_org(), %(url)s, %(candidate_id)s)
ON CONFLICT (org_id, url) DO NOTHING

-- name: store_payload
INSERT INTO candidate_payloads (org_id, candidate_id, source, payload)
VALUES (current_org(), %(candidate_id)s, %(source)s, %(payload)s)

-- name: add_source
INSERT INTO candidate_sources (org_id, candidate_id, source) VALUES (current_org(), %(candidate_id)s, %(source)s)

-- name: note_attempt
-- Asked for and not found: remembered, so that nobody pays to ask again soon; good data is not downgraded.
UPDATE candidates SET attempted_at = now(),
       enrichment = CASE WHEN enrichment IN ('none', 'failed') THEN %(enrichment)s ELSE enrichment END
 WHERE id = %(candidate_id)s
