-- Imports as people see them: the upload, its outcome, its rejected rows.

-- name: insert_import
INSERT INTO imports (org_id, user_id, file_name, file_bytes, file_sha256, stored_as, encoding)
VALUES (current_org(), current_actor(), %(file_name)s, %(file_bytes)s, %(file_sha256)s, %(stored_as)s, %(encoding)s)
RETURNING id

-- name: find_import
SELECT i.id, i.user_id, u.name AS user_name, i.list_id, i.list_name, i.file_name, i.file_bytes, i.file_sha256,
       i.stored_as, i.mapping, i.state, i.rows, i.added, i.updated, i.merged, i.rejected, i.notes, i.created_at,
       i.finished_at
  FROM imports i JOIN users u ON u.id = i.user_id
 WHERE i.id = %(import_id)s

-- name: recent_imports
SELECT i.id, i.user_id, u.name AS user_name, i.list_id, i.list_name, i.file_name, i.file_bytes, i.file_sha256,
       i.stored_as, i.mapping, i.state, i.rows, i.added, i.updated, i.merged, i.rejected, i.notes, i.created_at,
       i.finished_at
  FROM imports i JOIN users u ON u.id = i.user_id
 WHERE i.state <> 'discarded'
 ORDER BY i.created_at DESC, i.id LIMIT %(most)s

-- name: same_file_before
-- The newest finished import of a file with the same bytes.
SELECT i.id, i.user_id, u.name AS user_name, i.list_id, i.list_name, i.file_name, i.file_bytes, i.file_sha256,
       i.stored_as, i.mapping, i.state, i.rows, i.added, i.updated, i.merged, i.rejected, i.notes, i.created_at,
       i.finished_at
  FROM imports i JOIN users u ON u.id = i.user_id
 WHERE i.file_sha256 = %(file_sha256)s AND i.state = 'done'
 ORDER BY i.finished_at DESC LIMIT 1

-- name: claim_import
-- Whoever presses Import twice waits here, and then finds the state changed.
UPDATE imports SET state = 'importing' WHERE id = %(import_id)s AND state = 'uploaded' RETURNING stored_as

-- name: finish_import
UPDATE imports SET state = 'done', list_id = %(list_id)s, list_name = %(list_name)s, mapping = %(mapping)s,
       notes = %(notes)s, rows = %(rows)s, added = %(added)s, updated = %(updated)s, merged = %(merged)s,
       rejected = %(rejected)s, stored_as = NULL, finished_at = now()
 WHERE id = %(import_id)s

-- name: discard_import
UPDATE imports i SET state = 'discarded', stored_as = NULL, finished_at = now()
  FROM (SELECT id, stored_as FROM imports WHERE id = %(import_id)s AND state = 'uploaded' FOR UPDATE) was
 WHERE i.id = was.id RETURNING was.stored_as

-- name: insert_rejects
INSERT INTO import_rejects (org_id, import_id, row_number, field, reason, excerpt)
SELECT current_org(), %(import_id)s, r.row_number, r.field, r.reason, r.excerpt
  FROM unnest(%(row_numbers)s::int[], %(fields)s::text[], %(reasons)s::text[], %(excerpts)s::text[])
       r (row_number, field, reason, excerpt)

-- name: rejects_after
SELECT row_number, field, reason, excerpt FROM import_rejects
 WHERE import_id = %(import_id)s AND row_number > %(after)s ORDER BY row_number LIMIT %(most)s

-- name: possible_duplicates_of
SELECT d.row_number, c.id AS candidate_id, c.full_name, c.profile_url, o.id AS other_id, o.full_name AS other_name,
       o.profile_url AS other_url
  FROM possible_duplicates d JOIN candidates c ON c.id = d.candidate_id
  JOIN candidates o ON o.id = d.other_candidate_id
 WHERE d.import_id = %(import_id)s ORDER BY d.row_number, c.id, o.id LIMIT %(most)s

-- name: organization_number
SELECT number FROM organizations WHERE id = current_org()
