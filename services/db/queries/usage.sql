-- name: usage_rows
-- What was used, grouped by user, day, provider, operation and run; days are those of the given time zone.
SELECT l.user_id, u.name AS user_name, (l.at AT TIME ZONE %(time_zone)s)::date AS day,
       l.provider, l.operation, l.model, l.run_id, coalesce(r.title, '') AS run_title,
       count(*) AS calls,
       count(*) FILTER (WHERE l.status = 'failed') AS failed,
       count(*) FILTER (WHERE l.status = 'unknown') AS unknown,
       count(*) FILTER (WHERE l.cost_usd IS NULL) AS unpriced,
       sum(l.requested)::bigint AS requested, sum(l.fulfilled)::bigint AS fulfilled,
       sum(l.credits) AS credits, sum(l.tokens_in)::bigint AS tokens_in,
       sum(l.tokens_cached)::bigint AS tokens_cached, sum(l.tokens_out)::bigint AS tokens_out,
       coalesce(sum(l.cost_usd), 0) AS cost_usd
  FROM ledger l
  JOIN users u ON u.id = l.user_id
  LEFT JOIN runs r ON r.id = l.run_id
 WHERE l.org_id = current_org()
   AND l.at >= (%(first_day)s::date)::timestamp AT TIME ZONE %(time_zone)s
   AND l.at < (%(last_day)s::date + 1)::timestamp AT TIME ZONE %(time_zone)s
   AND (%(user_id)s::uuid IS NULL OR l.user_id = %(user_id)s)
   AND (%(provider)s::text IS NULL OR l.provider = %(provider)s)
   AND (%(run_id)s::uuid IS NULL OR l.run_id = %(run_id)s)
 GROUP BY l.user_id, u.name, day, l.provider, l.operation, l.model, l.run_id, r.title
 ORDER BY day DESC, u.name, l.provider, l.operation, l.model, l.run_id NULLS LAST
 LIMIT %(limit)s OFFSET %(offset)s

-- name: usage_totals
-- The sums over exactly the rows that usage_rows would return without its limit.
SELECT count(*) AS calls,
       count(*) FILTER (WHERE l.status = 'failed') AS failed,
       count(*) FILTER (WHERE l.status = 'unknown') AS unknown,
       count(*) FILTER (WHERE l.cost_usd IS NULL) AS unpriced,
       coalesce(sum(l.requested), 0)::bigint AS requested, coalesce(sum(l.fulfilled), 0)::bigint AS fulfilled,
       coalesce(sum(l.credits), 0) AS credits, coalesce(sum(l.tokens_in), 0)::bigint AS tokens_in,
       coalesce(sum(l.tokens_cached), 0)::bigint AS tokens_cached,
       coalesce(sum(l.tokens_out), 0)::bigint AS tokens_out,
       coalesce(sum(l.cost_usd), 0) AS cost_usd,
       count(DISTINCT (l.user_id, (l.at AT TIME ZONE %(time_zone)s)::date, l.provider, l.operation, l.model,
                       coalesce(l.run_id, '00000000-0000-0000-0000-000000000000'))) AS groups
  FROM ledger l
 WHERE l.org_id = current_org()
   AND l.at >= (%(first_day)s::date)::timestamp AT TIME ZONE %(time_zone)s
   AND l.at < (%(last_day)s::date + 1)::timestamp AT TIME ZONE %(time_zone)s
   AND (%(user_id)s::uuid IS NULL OR l.user_id = %(user_id)s)
   AND (%(provider)s::text IS NULL OR l.provider = %(provider)s)
   AND (%(run_id)s::uuid IS NULL OR l.run_id = %(run_id)s)

-- name: usage_by_day
-- Money, calls and failures a day and provider, for the plots.
SELECT (l.at AT TIME ZONE %(time_zone)s)::date AS day, l.provider,
       count(*) AS calls, count(*) FILTER (WHERE l.status IN ('failed', 'unknown')) AS failed,
       coalesce(sum(l.cost_usd), 0) AS cost_usd
  FROM ledger l
 WHERE l.org_id = current_org()
   AND l.at >= (%(first_day)s::date)::timestamp AT TIME ZONE %(time_zone)s
   AND l.at < (%(last_day)s::date + 1)::timestamp AT TIME ZONE %(time_zone)s
   AND (%(user_id)s::uuid IS NULL OR l.user_id = %(user_id)s)
   AND (%(provider)s::text IS NULL OR l.provider = %(provider)s)
   AND (%(run_id)s::uuid IS NULL OR l.run_id = %(run_id)s)
 GROUP BY day, l.provider ORDER BY day, l.provider

-- name: usage_by_user
-- Money and calls a person, for the plots.
SELECT l.user_id, u.name AS user_name, count(*) AS calls, coalesce(sum(l.cost_usd), 0) AS cost_usd
  FROM ledger l JOIN users u ON u.id = l.user_id
 WHERE l.org_id = current_org()
   AND l.at >= (%(first_day)s::date)::timestamp AT TIME ZONE %(time_zone)s
   AND l.at < (%(last_day)s::date + 1)::timestamp AT TIME ZONE %(time_zone)s
   AND (%(user_id)s::uuid IS NULL OR l.user_id = %(user_id)s)
   AND (%(provider)s::text IS NULL OR l.provider = %(provider)s)
   AND (%(run_id)s::uuid IS NULL OR l.run_id = %(run_id)s)
 GROUP BY l.user_id, u.name ORDER BY cost_usd DESC, u.name

-- name: organization_time_zone
-- The time zone in which this organization's days begin; UTC until somebody chooses one we know.
SELECT coalesce((SELECT z.name FROM pg_timezone_names z WHERE z.name = o.settings ->> 'time_zone'), 'UTC')
  FROM organizations o WHERE o.id = current_org()

-- name: people_who_used
-- The users who have any ledger row, for the filter of managers.
SELECT u.id, u.name FROM users u
 WHERE u.org_id = current_org() AND EXISTS (SELECT 1 FROM ledger l WHERE l.user_id = u.id)
 ORDER BY u.name
