-- Who is in an export, in order; and what is written of each of them.

-- name: ids_of_list
-- The members of a list, in its order.
SELECT m.candidate_id FROM list_members m
 WHERE m.org_id = current_org() AND m.list_id = %(list_id)s ORDER BY m.position, m.candidate_id

-- name: ids_matching
-- Everybody who matches a view, as the view sorts them.
SELECT id FROM matching_candidates(%(filters)s, %(sort)s, %(descending)s) AS m (id)

-- name: ids_given
-- Those of the given people whom the organization has, in the order given.
SELECT c.id FROM unnest(%(candidate_ids)s::bigint[]) WITH ORDINALITY AS given (id, place)
  JOIN candidates c ON c.id = given.id
 GROUP BY c.id ORDER BY min(given.place)

-- name: ids_of_position
-- Everybody a position was ever screened for, or of them the members of one list, or the given people;
-- in the order of the results page: best first.
WITH scope AS MATERIALIZED (
    SELECT m.candidate_id FROM list_members m WHERE m.org_id = current_org() AND m.list_id = %(list_id)s::uuid
    UNION
    SELECT c.id FROM candidates c WHERE c.id = ANY (%(candidate_ids)s::bigint[])
    UNION
    SELECT s.candidate_id FROM screenings s
     WHERE %(everybody)s AND s.org_id = current_org() AND s.position_id = %(position_id)s
    UNION
    SELECT i.candidate_id FROM run_items i JOIN runs r ON r.id = i.run_id
      JOIN position_versions v ON v.id = r.version_id
     WHERE %(everybody)s AND i.org_id = current_org() AND v.position_id = %(position_id)s
       AND r.kind = 'screening' AND i.candidate_id IS NOT NULL
), standing AS (
    SELECT a.candidate_id, j.*, e.met
      FROM scope a
      JOIN LATERAL person_standing(%(position_id)s, a.candidate_id) j ON true
      LEFT JOIN screening_extras e ON e.screening_id = j.screening_id
)
SELECT candidate_id FROM standing
 WHERE %(standings)s::text[] IS NULL OR standing = ANY (%(standings)s)
 ORDER BY array_position(ARRAY['GO', 'MAYBE', 'NO GO'], standing) NULLS LAST, score DESC NULLS LAST,
          met DESC NULLS LAST, candidate_id

-- name: further_headers
-- The headers under which imports told more about these people than we have columns for.
SELECT DISTINCT header
  FROM candidate_profiles p, jsonb_object_keys(p.extra) AS header
 WHERE p.candidate_id = ANY (%(candidate_ids)s)

-- name: people
-- What is written of these people, in the order given; without a position nothing about verdicts.
SELECT c.first_name, c.last_name, c.full_name, c.email,
       ARRAY(SELECT e.email FROM candidate_emails e WHERE e.candidate_id = c.id ORDER BY e.found_at, e.email) AS all_emails,
       c.profile_url, c.location, c.school, c.title, c.company, c.headline,
       s.score, s.verdict AS model_verdict, s.summary, s.reasons, j.standing, j.failure,
       o.verdict AS override_verdict, o.reason AS override_reason, u.name AS override_by,
       v.number AS version_number, s.created_at AS screened_at, x.met AS nice_met, x.asked AS nice_asked,
       x.tags AS nice_tags,
       p.profile ->> 'summary' AS profile_summary, p.profile -> 'skills' AS skills,
       p.profile -> 'languages' AS languages, p.profile -> 'certifications' AS certifications,
       c.role_start, c.company_start, c.industry_months, c.enrichment, c.source, c.created_at, c.updated_at,
       coalesce(p.extra, '{}') AS extra
  FROM unnest(%(candidate_ids)s::bigint[]) WITH ORDINALITY AS wanted (id, place)
  JOIN candidates c ON c.id = wanted.id
  LEFT JOIN candidate_profiles p ON p.candidate_id = c.id
  LEFT JOIN LATERAL person_standing(%(position_id)s::uuid, c.id) j ON %(position_id)s::uuid IS NOT NULL
  LEFT JOIN screenings s ON s.id = j.screening_id
  LEFT JOIN overrides o ON o.id = j.override_id
  LEFT JOIN users u ON u.id = o.user_id
  LEFT JOIN position_versions v ON v.id = s.version_id
  LEFT JOIN screening_extras x ON x.screening_id = s.id
 ORDER BY wanted.place
