-- Named lists of candidates.

-- name: page_of_lists
-- Some of the active or the archived lists whose names hold a text, newest first; members of these only are counted.
SELECT l.id, l.name, u.name AS created_by_name, l.created_at, l.archived_at,
       (SELECT count(*) FROM list_members m WHERE m.list_id = l.id) AS members
  FROM lists l JOIN users u ON u.id = l.created_by
 WHERE (l.archived_at IS NOT NULL) = %(archived)s AND strpos(lower(l.name), lower(%(text)s)) > 0
 ORDER BY l.created_at DESC, l.id LIMIT %(limit)s OFFSET %(offset)s

-- name: count_lists
-- How many lists all of its pages show.
SELECT count(*) FROM lists l
 WHERE (l.archived_at IS NOT NULL) = %(archived)s AND strpos(lower(l.name), lower(%(text)s)) > 0

-- name: find_list
SELECT l.id, l.name, u.name AS created_by_name, l.created_at, l.archived_at,
       (SELECT count(*) FROM list_members m WHERE m.list_id = l.id) AS members
  FROM lists l JOIN users u ON u.id = l.created_by
 WHERE l.id = %(list_id)s

-- name: find_active_by_name
SELECT id FROM lists WHERE org_id = current_org() AND lower(name) = lower(%(name)s) AND archived_at IS NULL

-- name: insert_list
INSERT INTO lists (org_id, name, created_by) VALUES (current_org(), %(name)s, current_actor()) RETURNING id

-- name: insert_list_unless_taken
INSERT INTO lists (org_id, name, created_by) VALUES (current_org(), %(name)s, current_actor())
ON CONFLICT (org_id, lower(name)) WHERE archived_at IS NULL DO NOTHING RETURNING id

-- name: rename_list
UPDATE lists SET name = %(name)s WHERE id = %(list_id)s AND archived_at IS NULL

-- name: archive_list
UPDATE lists SET archived_at = coalesce(archived_at, now()) WHERE id = %(list_id)s

-- name: restore_list
UPDATE lists SET archived_at = NULL WHERE id = %(list_id)s

-- name: insert_members
-- In the order given; whoever is a member stays where they are, strangers to the organization are passed over.
INSERT INTO list_members (org_id, list_id, candidate_id, added_by)
SELECT c.org_id, %(list_id)s, c.id, current_actor()
  FROM unnest(%(candidate_ids)s::bigint[]) WITH ORDINALITY wanted (id, ordinal) JOIN candidates c ON c.id = wanted.id
 ORDER BY wanted.ordinal
ON CONFLICT DO NOTHING

-- name: delete_members
DELETE FROM list_members WHERE list_id = %(list_id)s AND candidate_id = ANY (%(candidate_ids)s)

-- name: copy_members
INSERT INTO list_members (org_id, list_id, candidate_id, added_by)
SELECT org_id, %(to_list)s, candidate_id, current_actor() FROM list_members
 WHERE list_id = %(from_list)s ORDER BY position

-- name: count_known
SELECT count(*) FROM candidates WHERE id = ANY (%(candidate_ids)s)
