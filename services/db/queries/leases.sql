-- name: take_lease
-- Take a thing, or learn who holds it.
SELECT fence, holder_name, is_colleague, held_seconds
  FROM take_lease(%(thing)s, make_interval(secs => %(seconds)s))

-- name: renew_lease
-- Lengthen one's own lease.
SELECT renew_lease(%(thing)s, %(fence)s, make_interval(secs => %(seconds)s))

-- name: release_lease
-- Let go of one's own lease.
SELECT release_lease(%(thing)s, %(fence)s)

-- name: lease_holds
-- Whether a fence still counts, and goes on doing so until this transaction ends.
SELECT lease_holds(%(thing)s, %(fence)s)

-- name: living_leases
-- All that is held now, whichever organization holds it.
SELECT lease_id, thing, fence, user_name, org_name, taken_at, seconds_left FROM living_leases()

-- name: end_lease
-- End a lease of whomever.
SELECT end_lease(%(lease_id)s)
