-- name: unseen_news
-- The numbers of the newest news that a user has not seen.
SELECT n.number FROM run_news n
 WHERE n.org_id = current_org() AND n.user_id = %(user_id)s AND n.number IS NOT NULL AND n.seen_at IS NULL
 ORDER BY n.number DESC LIMIT %(limit)s

-- name: latest_news
-- The newest news of a user, each with what its run is called and what it came to.
SELECT n.number, n.event, n.at, n.is_seen, r.id AS run_id, r.user_id, u.name AS user_name, r.kind, r.title, r.items,
       l.name AS list_name, r.retry_of IS NOT NULL AS is_retry, r.pause_reason,
       r.failed + r.refused + r.unknown AS without_result
  FROM (SELECT o.number, o.event, o.at, o.run_id, o.seen_at IS NOT NULL AS is_seen FROM run_news o
         WHERE o.org_id = current_org() AND o.user_id = %(user_id)s AND o.number IS NOT NULL
         ORDER BY o.number DESC LIMIT %(limit)s) n
  JOIN runs r ON r.id = n.run_id
  JOIN users u ON u.id = r.user_id
  LEFT JOIN lists l ON l.id = r.list_id
 ORDER BY n.number DESC

-- name: see_runs
-- A user has seen these runs in these states: news of anything else stays unseen.
UPDATE run_news n SET seen_at = clock_timestamp()
  FROM unnest(%(run_ids)s::uuid[], %(states)s::text[]) AS shown (run_id, state)
 WHERE n.user_id = %(user_id)s AND n.run_id = shown.run_id AND n.event = shown.state AND n.seen_at IS NULL

-- name: see_all
-- A user has seen everything up to the newest that was shown.
UPDATE run_news n SET seen_at = clock_timestamp()
 WHERE n.org_id = current_org() AND n.user_id = %(user_id)s AND n.number <= %(number)s AND n.seen_at IS NULL

-- name: follow_run
-- A user wants to be told of a run.
INSERT INTO run_news (org_id, user_id, run_id)
SELECT r.org_id, %(user_id)s, r.id FROM runs r WHERE r.id = %(run_id)s
ON CONFLICT (run_id, user_id) DO NOTHING

-- name: unfollow_run
-- A user wants to be told no more of a run of somebody else's.
DELETE FROM run_news n USING runs r
 WHERE r.id = n.run_id AND n.run_id = %(run_id)s AND n.user_id = %(user_id)s AND r.user_id <> n.user_id

-- name: follows_run
-- Whether a user is told of a run.
SELECT EXISTS (SELECT 1 FROM run_news n WHERE n.run_id = %(run_id)s AND n.user_id = %(user_id)s)
