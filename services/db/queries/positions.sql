-- name: insert_position
INSERT INTO positions (org_id, title, created_by) VALUES (current_org(), %(title)s, %(user_id)s) RETURNING id

-- name: rename_position
UPDATE positions SET title = %(title)s WHERE id = %(position_id)s

-- name: archive_position
UPDATE positions SET archived_at = CASE WHEN %(archived)s THEN now() END WHERE id = %(position_id)s

-- name: list_positions
-- The newest first, each with its latest version; one page.
SELECT p.id, p.title, p.created_at, p.archived_at, u.name AS created_by_name,
       v.id AS version_id, v.number, v.approved_at, v.frozen_at,
       (SELECT count(*) FROM criteria c WHERE c.version_id = v.id) AS criteria,
       (SELECT max(r.created_at) FROM runs r JOIN position_versions o ON o.id = r.version_id
         WHERE o.position_id = p.id) AS last_run_at
  FROM positions p
  JOIN users u ON u.id = p.created_by
  JOIN LATERAL (SELECT * FROM position_versions l WHERE l.position_id = p.id ORDER BY l.number DESC LIMIT 1) v ON true
 WHERE p.org_id = current_org() AND (p.archived_at IS NOT NULL) = %(archived)s
 ORDER BY p.created_at DESC, p.id
 LIMIT %(limit)s OFFSET %(offset)s

-- name: find_version
SELECT v.id, v.position_id, p.title, p.archived_at, v.number, v.revision, v.role_text, v.must_text, v.nice_text, v.exclude_text,
       v.edited_by, e.name AS edited_by_name, v.created_at, v.approved_at, a.name AS approved_by_name, v.frozen_at
  FROM position_versions v
  JOIN positions p ON p.id = v.position_id
  JOIN users e ON e.id = v.edited_by
  LEFT JOIN users a ON a.id = v.approved_by
 WHERE v.id = %(version_id)s

-- name: latest_version_id
SELECT id FROM position_versions WHERE position_id = %(position_id)s ORDER BY number DESC LIMIT 1

-- name: usable_version_id
-- The newest approved version: what a run uses.
SELECT id FROM position_versions WHERE position_id = %(position_id)s AND approved_at IS NOT NULL
 ORDER BY number DESC LIMIT 1

-- name: list_versions
SELECT v.id, v.number, v.created_at, v.approved_at, v.frozen_at, e.name AS edited_by_name
  FROM position_versions v JOIN users e ON e.id = v.edited_by
 WHERE v.position_id = %(position_id)s ORDER BY v.number DESC

-- name: criteria_of
SELECT key, kind, text FROM criteria WHERE version_id = %(version_id)s ORDER BY ordinal

-- name: insert_version
INSERT INTO position_versions (org_id, position_id, number, role_text, must_text, nice_text, exclude_text, edited_by)
SELECT current_org(), %(position_id)s, coalesce(max(number), 0) + 1, %(role)s, %(must)s, %(nice)s, %(exclude)s,
       %(user_id)s
  FROM position_versions WHERE position_id = %(position_id)s
RETURNING id

-- name: change_draft
-- A version that no run used is changed in place and must be approved again; 0 rows: somebody was quicker.
UPDATE position_versions
   SET role_text = %(role)s, must_text = %(must)s, nice_text = %(nice)s, exclude_text = %(exclude)s,
       edited_by = %(user_id)s, approved_at = NULL, approved_by = NULL, revision = revision + 1
 WHERE id = %(version_id)s AND revision = %(revision)s AND frozen_at IS NULL

-- name: delete_criteria
DELETE FROM criteria WHERE version_id = %(version_id)s

-- name: insert_criterion
INSERT INTO criteria (version_id, key, org_id, kind, ordinal, text)
VALUES (%(version_id)s, %(key)s, current_org(), %(kind)s, %(ordinal)s, %(text)s)

-- name: approve_version
UPDATE position_versions SET approved_at = now(), approved_by = %(user_id)s, revision = revision + 1
 WHERE id = %(version_id)s AND revision = %(revision)s AND approved_at IS NULL

-- name: freeze_version
-- From its first use on a version never changes again.
UPDATE position_versions SET frozen_at = now()
 WHERE id = %(version_id)s AND frozen_at IS NULL AND approved_at IS NOT NULL
