-- name: terms
-- What decides about periods and defaults: the organization's time zone, and whether it is a demo.
SELECT settings ->> 'time_zone', is_demo FROM organizations WHERE id = current_org()

-- name: holders
-- The organization itself, and one user or all active ones, with their names.
SELECT current_org() AS holder, '' AS name
UNION ALL
(SELECT u.id, u.name FROM users u
  WHERE u.org_id = current_org() AND CASE WHEN %(user_id)s::uuid IS NULL THEN u.is_active ELSE u.id = %(user_id)s END
  ORDER BY lower(u.name), u.id)

-- name: chosen_caps
-- The caps that somebody chose for these holders; null: no limit.
SELECT q.holder, q.provider, q.meter, q.cap FROM quotas q
 WHERE q.org_id = current_org() AND q.holder = ANY (%(holders)s)

-- name: counters
-- What these holders have reserved and used in the given periods, each of its own provider and meter.
-- One lookup each by the whole key, however many periods there have been: LIMIT holds the planner to it.
SELECT c.holder, c.provider, c.meter, c.reserved, c.used
  FROM unnest(%(holders)s::uuid[]) AS h (holder)
 CROSS JOIN jsonb_to_recordset(%(periods)s) AS p (provider text, meter text, period date)
 CROSS JOIN LATERAL (
    SELECT * FROM quota_counters q
     WHERE q.org_id = current_org() AND q.holder = h.holder AND q.provider = p.provider AND q.meter = p.meter
       AND q.period = p.period LIMIT 1) AS c

-- name: reserve_quotas
-- Reserve for as many calls as fit.
SELECT accepted, holder, provider, meter, is_lasting FROM reserve_quotas(%(payer)s, %(calls)s, %(caps)s)

-- name: set_cap
-- Choose a cap of a user of this organization, or of the organization; nothing comes back if it stood so already.
INSERT INTO quotas AS q (org_id, holder, provider, meter, cap)
SELECT current_org(), %(holder)s, %(provider)s, %(meter)s, %(cap)s
 WHERE %(holder)s = current_org()
    OR EXISTS (SELECT 1 FROM users u WHERE u.org_id = current_org() AND u.id = %(holder)s)
    ON CONFLICT (org_id, holder, provider, meter) DO UPDATE SET cap = excluded.cap, changed_at = clock_timestamp()
 WHERE q.cap IS DISTINCT FROM excluded.cap
RETURNING holder

-- name: wake_runs_after_reset
-- Put runs back into the queue whose day's quota has begun anew.
SELECT wake_runs_after_reset()
