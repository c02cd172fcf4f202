-- name: insert_run
-- A new run in its organization; nothing comes back if this form was sent before.
INSERT INTO runs (org_id, user_id, kind, title, version_id, list_id, retry_of, start_token, parameters,
                  cap_usd, estimate_usd, estimate_calls)
VALUES (current_org(), %(user_id)s, %(kind)s, %(title)s, %(version_id)s, %(list_id)s, %(retry_of)s,
        %(start_token)s, %(parameters)s, %(cap_usd)s, %(estimate_usd)s, %(estimate_calls)s)
ON CONFLICT (org_id, start_token) WHERE start_token IS NOT NULL DO NOTHING
RETURNING id

-- name: run_started_with
-- The run that this form started before, and its newest drive.
SELECT r.id AS run_id, (SELECT d.id FROM drives d WHERE d.run_id = r.id ORDER BY d.created_at DESC LIMIT 1) AS drive_id
  FROM runs r WHERE r.start_token = %(start_token)s AND r.user_id = %(user_id)s

-- name: insert_items_of_candidates
-- One item for each of these candidates that still exists, in the given order.
INSERT INTO run_items (org_id, run_id, candidate_id, position)
SELECT current_org(), %(run_id)s, c.id, row_number() OVER (ORDER BY min(given.place))
  FROM unnest(%(candidate_ids)s::bigint[]) WITH ORDINALITY AS given (id, place)
  JOIN candidates c ON c.id = given.id
 GROUP BY c.id

-- name: insert_items_of_list
-- One item for each member of a list, in the list's order.
INSERT INTO run_items (org_id, run_id, candidate_id, position)
SELECT current_org(), %(run_id)s, m.candidate_id, row_number() OVER (ORDER BY m.position)
  FROM list_members m WHERE m.list_id = %(list_id)s

-- name: insert_items_to_retry
-- One item for each item of an earlier run that brought no result.
INSERT INTO run_items (org_id, run_id, candidate_id, position)
SELECT current_org(), %(run_id)s, i.candidate_id, row_number() OVER (ORDER BY i.position)
  FROM run_items i WHERE i.run_id = %(retry_of)s AND i.state = ANY (%(states)s)

-- name: count_items
-- Write down how many items the run has.
UPDATE runs SET items = %(items)s WHERE id = %(run_id)s

-- name: insert_drive
-- A new attempt to drive a run.
INSERT INTO drives (org_id, run_id, started_by) VALUES (current_org(), %(run_id)s, %(started_by)s) RETURNING id

-- name: find_progress
-- Everything a watcher needs, from one row.
SELECT r.id AS run_id, r.user_id, u.name AS user_name, r.kind, r.state, r.pause_reason, r.message, r.title,
       r.version_id, r.list_id, l.name AS list_name, r.retry_of,
       r.items, r.done, r.failed, r.refused, r.skipped, r.unknown, r.per_minute::float8 AS per_minute, r.cost_usd, r.unknown_usd, r.cap_usd, r.estimate_usd, r.estimate_calls,
       r.created_at, r.started_at, r.finished_at, r.resets_at,
       r.state = 'running' AND (r.lease_until IS NULL OR r.lease_until < clock_timestamp()) AS is_stalled,
       coalesce(r.state = 'running' AND r.lease_until < clock_timestamp(), false) AS is_interrupted,
       q.place AS queue_place, coalesce(q.waits_for, '') AS waits_for
  FROM runs r JOIN users u ON u.id = r.user_id LEFT JOIN lists l ON l.id = r.list_id
  LEFT JOIN LATERAL (SELECT p.* FROM queue_place(r.id, %(most_per_user)s, %(most_per_org)s) p
                      WHERE r.state = 'queued') q ON true
 WHERE r.id = %(run_id)s

-- name: recent_runs
-- Runs, the newest first, of one user or of all the organization's, behind a run that was shown last.
SELECT r.id AS run_id, r.user_id, u.name AS user_name, r.kind, r.state, r.pause_reason, r.message, r.title,
       r.version_id, r.list_id, l.name AS list_name, r.retry_of,
       r.items, r.done, r.failed, r.refused, r.skipped, r.unknown, r.per_minute::float8 AS per_minute, r.cost_usd, r.unknown_usd, r.cap_usd, r.estimate_usd, r.estimate_calls,
       r.created_at, r.started_at, r.finished_at, r.resets_at,
       r.state = 'running' AND (r.lease_until IS NULL OR r.lease_until < clock_timestamp()) AS is_stalled,
       coalesce(r.state = 'running' AND r.lease_until < clock_timestamp(), false) AS is_interrupted,
       NULL::int AS queue_place, '' AS waits_for
  FROM runs r JOIN users u ON u.id = r.user_id LEFT JOIN lists l ON l.id = r.list_id
 WHERE r.org_id = current_org()
   AND (%(user_id)s::uuid IS NULL OR r.user_id = %(user_id)s)
   AND (%(states)s::text[] IS NULL OR r.state = ANY (%(states)s))
   AND (%(kind)s::text IS NULL OR r.kind = %(kind)s)
   AND (%(version_ids)s::uuid[] IS NULL OR r.version_id = ANY (%(version_ids)s))
   AND (%(before)s::uuid IS NULL
        OR (r.created_at, r.id) < (SELECT b.created_at, b.id FROM runs b WHERE b.id = %(before)s))
 ORDER BY r.created_at DESC, r.id DESC LIMIT %(limit)s

-- name: versions_of
-- The versions of a position's brief: by them its runs are found through an index.
SELECT id FROM position_versions WHERE position_id = %(position_id)s

-- name: people_who_ran
-- The users who have started any run, for the filter of those who see the team's.
SELECT u.id, u.name FROM users u
 WHERE u.org_id = current_org() AND EXISTS (SELECT 1 FROM runs r WHERE r.org_id = u.org_id AND r.user_id = u.id)
 ORDER BY lower(u.name), u.id

-- name: position_of_run
-- The position whose criteria a run used, if it used any.
SELECT v.position_id FROM runs r JOIN position_versions v ON v.id = r.version_id WHERE r.id = %(run_id)s

-- name: runs_under_way
-- Runs of the organization that have not ended, the oldest first: for a position, for a list, or all.
SELECT r.id AS run_id, r.user_id, u.name AS user_name, r.kind, r.state, r.title, r.items,
       r.done + r.failed + r.refused + r.skipped + r.unknown AS settled
  FROM runs r JOIN users u ON u.id = r.user_id
 WHERE r.org_id = current_org() AND r.finished_at IS NULL
   AND (%(everything)s OR r.list_id = %(list_id)s::uuid
        OR r.version_id IN (SELECT v.id FROM position_versions v WHERE v.position_id = %(position_id)s::uuid))
 ORDER BY r.created_at, r.id LIMIT %(limit)s

-- name: page_of_items
-- Some items of a run in their order, of one state or of all.
SELECT i.id AS item_id, i.position, i.candidate_id, c.full_name, c.profile_url, i.state, i.attempts,
       i.reason_code, i.reason, i.settled_at
  FROM run_items i LEFT JOIN candidates c ON c.id = i.candidate_id
 WHERE i.run_id = %(run_id)s AND (%(states)s::text[] IS NULL OR i.state = ANY (%(states)s))
   AND i.position > %(after)s
 ORDER BY i.position LIMIT %(limit)s

-- name: states_of_items
-- How many items of a run are in each state.
SELECT state, count(*) FROM run_items WHERE run_id = %(run_id)s GROUP BY state

-- name: events_of
-- The history of a run, oldest first.
SELECT e.id AS event_id, e.event, e.detail, e.at, u.name AS user_name
  FROM run_events e LEFT JOIN users u ON u.id = (e.detail ->> 'user_id')::uuid
 WHERE e.run_id = %(run_id)s ORDER BY e.id LIMIT %(limit)s

-- name: receipt_of
-- What a run was charged and what is uncertain can have cost, by provider, operation, model and outcome.
SELECT l.provider, l.operation, l.model, l.status, count(*) AS calls, sum(l.fulfilled)::bigint AS fulfilled,
       sum(l.credits) AS credits, sum(l.tokens_in)::bigint AS tokens_in, sum(l.tokens_cached)::bigint AS tokens_cached,
       sum(l.tokens_out)::bigint AS tokens_out,
       coalesce(sum(l.cost_usd) FILTER (WHERE NOT l.is_uncertain), 0) AS cost_usd,
       coalesce(sum(round(coalesce((l.detail ->> 'at_most_usd')::numeric, l.cost_usd), 10))
                FILTER (WHERE l.is_uncertain), 0) AS perhaps_usd
  FROM (SELECT ledger.*, status = 'unknown' OR (cost_usd IS NULL AND detail ? 'at_most_usd') AS is_uncertain
          FROM ledger WHERE run_id = %(run_id)s) l
 GROUP BY l.provider, l.operation, l.model, l.status ORDER BY l.provider, l.operation, l.model, l.status

-- name: lock_run
-- A run's owner and state, held until the end of the transaction.
SELECT user_id, state, pause_reason, lease_until IS NOT NULL AS is_driven, kind, title, version_id, list_id,
       parameters, cap_usd, resets_at
  FROM runs WHERE id = %(run_id)s FOR NO KEY UPDATE

-- name: ask_to_stop
-- Raise the flag that the driver reads; a run that nobody drives is stopped on the spot.
UPDATE runs SET stop_requested_at = clock_timestamp(), stop_requested_by = %(user_id)s,
       state = %(state)s, pause_reason = '',
       finished_at = CASE WHEN %(state)s = 'stopped' THEN clock_timestamp() END
 WHERE id = %(run_id)s

-- name: pause_run
-- Let the driver come to rest; nothing that is under way is lost.
UPDATE runs SET state = 'paused', pause_reason = %(reason)s, message = %(message)s, resets_at = %(resets_at)s
 WHERE id = %(run_id)s AND state IN ('queued', 'running')

-- name: resume_run
-- Back into the queue; while its last drive still holds the wheel, calls are under way, and it runs.
UPDATE runs SET state = CASE WHEN lease_until IS NULL THEN 'queued' ELSE 'running' END,
       pause_reason = '', message = '', resets_at = NULL, starts = 0, cap_usd = %(cap_usd)s
 WHERE id = %(run_id)s AND state = 'paused'

-- name: drive_of
-- What is known of one drive; its run belongs to the asker's organization.
SELECT d.run_id, d.outcome, d.ended_at IS NOT NULL AS has_ended, r.finished_at IS NOT NULL AS run_has_ended
  FROM drives d JOIN runs r ON r.id = d.run_id WHERE d.id = %(drive_id)s

-- name: take_wheel
-- Become the driver of a drive's run, or get no row.
SELECT * FROM take_wheel(%(drive_id)s, %(process)s, make_interval(secs => %(lease_seconds)s))

-- name: close_lost_calls
-- Settle what earlier drives left open.
SELECT returned, unknown, dead
  FROM close_lost_calls(%(run_id)s, current_org(), %(fence)s, %(resends)s)

-- name: count_suspects
-- Items whose preparation once ended with the process: each is taken alone.
SELECT count(*) FROM run_items WHERE run_id = %(run_id)s AND state = 'waiting' AND rescues > 0

-- name: money_used
-- What a run was charged, and what calls of unknown outcome can have cost.
SELECT cost_usd + unknown_usd FROM runs WHERE id = %(run_id)s

-- name: cap_of
-- What a run may cost at most, as its row says now.
SELECT cap_usd FROM runs WHERE id = %(run_id)s

-- name: hold_run
-- Lock the run's row under a fence and read its state; no row means that somebody else has the wheel.
SELECT state FROM runs WHERE id = %(run_id)s AND fence = %(fence)s FOR NO KEY UPDATE

-- name: beat
-- Lengthen the lease and write down the pace; a lease that was given up is not taken back. How many share the key,
-- and the cap, which a person may have raised.
WITH beaten AS (
  UPDATE runs SET lease_until = clock_timestamp() + make_interval(secs => %(lease_seconds)s), per_minute = %(per_minute)s
   WHERE id = %(run_id)s AND fence = %(fence)s AND lease_until IS NOT NULL
  RETURNING drive_id, state, kind, cap_usd)
UPDATE drives d SET beat_at = clock_timestamp() FROM beaten b WHERE d.id = b.drive_id
RETURNING b.state, live_runs(b.kind) AS live_runs, b.cap_usd

-- name: claim_items
-- Take the next waiting items of a run; suspects apart from the others.
UPDATE run_items SET state = 'claimed', fence = %(fence)s WHERE id IN (
  SELECT id FROM run_items
   WHERE run_id = %(run_id)s AND state = 'waiting' AND (rescues > 0) = %(suspects)s
     AND (not_before IS NULL OR not_before <= clock_timestamp())
   ORDER BY position LIMIT %(batch)s FOR UPDATE SKIP LOCKED)
RETURNING id AS item_id, candidate_id, position, attempts, unknowns, carried

-- name: claim_first_results
-- Take every waiting item that has the result of an earlier call.
UPDATE run_items SET state = 'claimed', fence = %(fence)s
 WHERE run_id = %(run_id)s AND state = 'waiting' AND carried IS NOT NULL
RETURNING id AS item_id, candidate_id, position, attempts, unknowns, carried

-- name: has_first_results
-- Whether an item waits that has the result of an earlier call.
SELECT EXISTS (SELECT 1 FROM run_items WHERE run_id = %(run_id)s AND state = 'waiting' AND carried IS NOT NULL)

-- name: items_left
-- Whether anything of a run is still open, and in how many seconds its next retry is due.
SELECT count(*) > 0 AS any_open,
       min(extract(epoch FROM not_before - clock_timestamp())) FILTER (WHERE state = 'waiting')::float8 AS due_in_seconds
  FROM run_items WHERE run_id = %(run_id)s AND state IN ('waiting', 'claimed', 'sent')

-- name: return_forgotten
-- Put back what this drive claimed and does not know of: the answer to a claim was lost.
WITH closed AS (
  UPDATE intents SET state = 'withdrawn', settled_at = clock_timestamp()
   WHERE run_id = %(run_id)s AND fence = %(fence)s AND state = 'planned' AND NOT item_id = ANY (%(known)s))
UPDATE run_items SET state = 'waiting'
 WHERE run_id = %(run_id)s AND fence = %(fence)s AND state = 'claimed' AND NOT id = ANY (%(known)s)

-- name: plan_calls
-- Write the intents of prepared items; each is written once, however often this is said.
INSERT INTO intents (id, org_id, user_id, run_id, item_id, drive_id, fence, provider, operation, request_hash,
                     reserved_usd, costs, units, quota_day, quota_month)
SELECT p.id, current_org(), %(user_id)s, %(run_id)s, p.item_id, %(drive_id)s, %(fence)s, p.provider, p.operation,
       decode(p.request_hash, 'hex'), p.reserved_usd, p.costs, p.units, p.quota_day, p.quota_month
  FROM jsonb_to_recordset(%(plans)s) AS p (id uuid, item_id bigint, provider text, operation text, request_hash text,
                                           reserved_usd numeric, costs jsonb, units jsonb, quota_day date,
                                           quota_month date)
ON CONFLICT (id) DO NOTHING

-- name: return_items
-- Put back claimed items for whose calls there was not enough of a quota.
UPDATE run_items SET state = 'waiting' WHERE id = ANY (%(item_ids)s) AND fence = %(fence)s AND state = 'claimed'

-- name: finish_unworked
-- Give their final state to items that need no call.
UPDATE run_items t SET state = u.state, reason_code = u.reason_code, reason = u.reason, settled_at = clock_timestamp()
  FROM jsonb_to_recordset(%(unworked)s) AS u (item_id bigint, state text, reason_code text, reason text)
 WHERE t.id = u.item_id AND t.state = 'claimed' AND t.fence = %(fence)s
RETURNING t.state

-- name: mark_sent
-- Write down that these calls are about to leave, but for those reserved under a quota that was changed since; a
-- reservation made while a change was on its way may have seen either cap.
WITH stale AS (
  SELECT i.id FROM intents i
   WHERE i.id = ANY (%(intent_ids)s) AND i.state = 'planned'
     AND EXISTS (SELECT 1 FROM quotas q WHERE q.org_id = (SELECT current_org()) AND q.holder IN (i.org_id, i.user_id)
                    AND q.changed_at > i.created_at - interval '200 ms')),
marked AS (
  UPDATE intents SET state = 'sent', sent_at = clock_timestamp()
   WHERE id = ANY (%(intent_ids)s) AND state IN ('planned', 'sent') AND NOT id IN (SELECT s.id FROM stale s)
  RETURNING item_id),
moved AS (
  UPDATE run_items t SET state = 'sent' FROM marked m WHERE t.id = m.item_id AND t.state = 'claimed')
SELECT (SELECT count(*) FROM marked)::int AS marked, ARRAY(SELECT s.id FROM stale s) AS stale

-- name: settle_calls
-- Close calls that are still open, book them, and move their items; the ids of those closed just now.
WITH told AS (
  SELECT * FROM jsonb_to_recordset(%(calls)s) AS c (
    intent_id uuid, intent_state text, item_id bigint, item_state text, reason_code text, reason text,
    attempts int, unknowns int, carried jsonb, wait_seconds float8, status text, model text, requested int,
    fulfilled int, credits numeric, tokens_in bigint, tokens_cached bigint, tokens_out bigint, cost_usd numeric,
    error_code text, duration_ms int, provider_request_id text, detail jsonb)),
closed AS (
  UPDATE intents i SET state = t.intent_state, settled_at = clock_timestamp()
    FROM told t WHERE i.id = t.intent_id AND i.state IN ('planned', 'sent')
  RETURNING i.id, i.org_id, i.user_id, i.run_id, i.item_id, i.provider, i.operation),
booked AS (
  INSERT INTO ledger (org_id, user_id, run_id, item_id, intent_id, provider, operation, model, status, requested,
                      fulfilled, credits, tokens_in, tokens_cached, tokens_out, cost_usd, error_code, duration_ms,
                      provider_request_id, detail)
  SELECT c.org_id, c.user_id, c.run_id, c.item_id, c.id, c.provider, c.operation, t.model, t.status, t.requested,
         t.fulfilled, t.credits, t.tokens_in, t.tokens_cached, t.tokens_out, t.cost_usd, t.error_code, t.duration_ms,
         t.provider_request_id, t.detail
    FROM closed c JOIN told t ON t.intent_id = c.id WHERE t.status IS NOT NULL),
moved AS (
  UPDATE run_items r SET state = t.item_state, reason_code = t.reason_code, reason = t.reason,
         attempts = t.attempts, unknowns = r.unknowns + t.unknowns, carried = coalesce(t.carried, r.carried),
         not_before = clock_timestamp() + make_interval(secs => t.wait_seconds),
         settled_at = CASE WHEN t.item_state <> 'waiting' THEN clock_timestamp() END
    FROM closed c JOIN told t ON t.intent_id = c.id WHERE r.id = c.item_id)
SELECT id FROM closed

-- name: count_outcomes
-- Add what was settled to the run's counters.
UPDATE runs SET done = done + %(done)s, failed = failed + %(failed)s, refused = refused + %(refused)s,
       skipped = skipped + %(skipped)s, unknown = unknown + %(unknown)s, cost_usd = cost_usd + %(cost_usd)s,
       unknown_usd = unknown_usd + %(unknown_usd)s, starts = 0
 WHERE id = %(run_id)s AND fence = %(fence)s

-- name: return_claimed
-- Put back what this drive claimed and did not send.
WITH closed AS (
  UPDATE intents SET state = 'withdrawn', settled_at = clock_timestamp()
   WHERE run_id = %(run_id)s AND fence = %(fence)s AND state = 'planned')
UPDATE run_items SET state = 'waiting' WHERE run_id = %(run_id)s AND fence = %(fence)s AND state = 'claimed'

-- name: end_run
-- The run's last word, if its state still allows it.
UPDATE runs SET state = %(state)s, message = %(message)s, finished_at = clock_timestamp()
 WHERE id = %(run_id)s AND fence = %(fence)s AND state IN ('running', 'stopping')

-- name: end_drive
-- Let go of the wheel.
WITH released AS (
  UPDATE runs SET lease_until = NULL, per_minute = 0 WHERE id = %(run_id)s AND fence = %(fence)s RETURNING drive_id)
UPDATE drives d SET ended_at = clock_timestamp(), outcome = %(outcome)s FROM released r WHERE d.id = r.drive_id

-- name: admit_drive
-- Whether a process may start for this drive now.
SELECT admit_drive(%(drive_id)s, %(most)s, %(most_per_user)s, %(most_per_org)s)

-- name: accept_drive
-- Whether the process of a drive that came from the queue may start.
SELECT accept_drive(%(drive_id)s, %(most)s, %(most_per_user)s, %(most_per_org)s)

-- name: take_back_start
-- An admission that came to nothing, as the queue did not take the drive.
SELECT take_back_start(%(drive_id)s)

-- name: note_dead_drive
-- The process of a drive has died: its lease ends now, if it still holds one.
SELECT note_dead_drive(%(drive_id)s)

-- name: live_processes
-- The processes that hold a wheel, by the names they gave themselves.
SELECT drive_id, process FROM live_processes()

-- name: next_drives
-- The drives for which a process is to start now.
SELECT drive FROM next_drives(%(most)s, %(most_per_user)s, %(most_per_org)s, %(most_starts)s) AS drive

-- name: take_sweep
-- The fence of the sweeper's lease, or null.
SELECT take_sweep(%(holder)s, make_interval(secs => %(lease_seconds)s))

-- name: recent_sends
-- What was sent to a provider in the last seconds.
SELECT seconds_ago, costs FROM recent_sends(%(provider)s, %(seconds)s)
