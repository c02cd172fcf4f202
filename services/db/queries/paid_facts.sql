-- name: give_up_waiting
-- Calls whose buyer is gone: nobody knows what became of them.
UPDATE paid_facts
   SET state = 'in doubt', expires_at = clock_timestamp() + make_interval(secs => %(doubt_seconds)s)
 WHERE provider = %(provider)s AND operation = %(operation)s AND request_hash = ANY (%(hashes)s)
   AND state = 'sent' AND lease_until <= clock_timestamp()

-- name: facts_now
-- What is known, in doubt, or being bought of these; what has expired is none of it.
SELECT f.request_hash, f.state, f.paid_by, u.name AS paid_by_name, f.asked_at, f.answer, f.credits
  FROM paid_facts f JOIN users u ON u.id = f.paid_by
 WHERE f.provider = %(provider)s AND f.operation = %(operation)s AND f.request_hash = ANY (%(hashes)s)
   AND (f.state = 'sent' OR f.expires_at > clock_timestamp())

-- name: claim_facts
-- Write down that these are bought now, except those that somebody else is buying, or has bought; in one order for
-- all, so that two who claim the same do not wait for each other.
INSERT INTO paid_facts AS f (org_id, provider, operation, request_hash, state, fence, paid_by, lease_until, expires_at)
SELECT current_org(), %(provider)s, %(operation)s, given.hash, 'sent', nextval('fences'), current_actor(),
       clock_timestamp() + make_interval(secs => %(lease_seconds)s),
       clock_timestamp() + make_interval(secs => %(doubt_seconds)s)
  FROM (SELECT DISTINCT unnest(%(hashes)s::bytea[]) AS hash ORDER BY 1) given
ON CONFLICT (org_id, provider, operation, request_hash) DO UPDATE
   SET state = 'sent', fence = excluded.fence, paid_by = excluded.paid_by, asked_at = clock_timestamp(),
       lease_until = excluded.lease_until, expires_at = excluded.expires_at, answer = NULL, credits = 0
 WHERE (f.state <> 'sent' AND f.expires_at <= clock_timestamp())
    OR (f.state = 'in doubt' AND %(pay_again)s)
RETURNING f.request_hash, f.fence

-- name: store_fact
-- Keep an answer for others; a row that was wiped comes back, one that somebody bought anew since stays as it is.
INSERT INTO paid_facts AS f (org_id, provider, operation, request_hash, state, fence, paid_by, lease_until,
                             expires_at, answer, credits)
VALUES (current_org(), %(provider)s, %(operation)s, %(hash)s, 'known', %(fence)s, current_actor(), clock_timestamp(),
        clock_timestamp() + make_interval(secs => %(fresh_seconds)s), %(answer)s, %(credits)s)
ON CONFLICT (org_id, provider, operation, request_hash) DO UPDATE
   SET state = 'known', expires_at = excluded.expires_at, answer = excluded.answer, credits = excluded.credits
 WHERE f.fence = excluded.fence

-- name: free_facts
-- The call certainly cost nothing: whoever comes next may ask.
DELETE FROM paid_facts
 WHERE provider = %(provider)s AND operation = %(operation)s AND state = 'sent'
   AND (request_hash, fence) IN (SELECT * FROM unnest(%(hashes)s::bytea[], %(fences)s::bigint[]))

-- name: doubt_facts
-- Nobody knows whether the call was done and charged.
UPDATE paid_facts SET state = 'in doubt'
 WHERE provider = %(provider)s AND operation = %(operation)s AND state = 'sent'
   AND (request_hash, fence) IN (SELECT * FROM unnest(%(hashes)s::bytea[], %(fences)s::bigint[]))

-- name: drop_old_facts
-- What has expired, and the oldest beyond the bound of an organization; never what is being bought.
DELETE FROM paid_facts
 WHERE state <> 'sent'
   AND (expires_at <= clock_timestamp()
        OR asked_at < (SELECT o.asked_at FROM paid_facts o ORDER BY o.asked_at DESC OFFSET %(most)s - 1 LIMIT 1))
