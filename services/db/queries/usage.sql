-- name: usage_sums
-- Sums over the ledger within one question, for each combination of what `by` names (day, user, provider, run);
-- with nothing named the one sum over all, and with it how many rows all four together make.
-- Days are those of the given time zone. What was charged, and what is uncertain can have cost at most (calls of
-- unknown outcome, charges that nobody could read), are two sums that share nothing.
SELECT s.*, u.name AS user_name, r.kind AS run_kind, r.title AS run_title, r.items AS run_items, i.name AS list_name,
       r.retry_of IS NOT NULL AS is_retry
  FROM (SELECT CASE WHEN 'day' = ANY (%(by)s::text[]) THEN l.day END AS day,
               CASE WHEN 'user' = ANY (%(by)s::text[]) THEN l.user_id END AS user_id,
               CASE WHEN 'provider' = ANY (%(by)s::text[]) THEN l.provider END AS provider,
               CASE WHEN 'run' = ANY (%(by)s::text[]) THEN l.run_id END AS run_id,
               count(*) AS calls,
               count(*) FILTER (WHERE l.status = 'failed') AS failed,
               count(*) FILTER (WHERE l.status = 'unknown') AS unknown,
               count(*) FILTER (WHERE l.cost_usd IS NULL AND NOT l.is_uncertain) AS unpriced,
               sum(l.credits) AS credits, sum(l.tokens_in)::bigint AS tokens_in,
               sum(l.tokens_cached)::bigint AS tokens_cached, sum(l.tokens_out)::bigint AS tokens_out,
               coalesce(sum(l.cost_usd) FILTER (WHERE NOT l.is_uncertain), 0) AS cost_usd,
               coalesce(sum(round(coalesce((l.detail ->> 'at_most_usd')::numeric, l.cost_usd), 10))
                        FILTER (WHERE l.is_uncertain), 0) AS perhaps_usd,
               count(DISTINCT (l.user_id, l.day, l.provider, l.run_id))
                   FILTER (WHERE cardinality(%(by)s::text[]) = 0) AS groups
          FROM (SELECT ledger.*, (at AT TIME ZONE %(time_zone)s)::date AS day,
                       status = 'unknown' OR (cost_usd IS NULL AND detail ? 'at_most_usd') AS is_uncertain
                  FROM ledger
                 WHERE org_id = current_org()
                   AND at >= (%(first_day)s::date)::timestamp AT TIME ZONE %(time_zone)s
                   AND at < (%(last_day)s::date + 1)::timestamp AT TIME ZONE %(time_zone)s
                   AND (%(user_id)s::uuid IS NULL OR user_id = %(user_id)s)
                   AND (%(provider)s::text IS NULL OR provider = %(provider)s)
                   AND (%(run_id)s::uuid IS NULL OR run_id = %(run_id)s)) l
         GROUP BY 1, 2, 3, 4) s
  LEFT JOIN users u ON u.id = s.user_id
  LEFT JOIN runs r ON r.id = s.run_id
  LEFT JOIN lists i ON i.id = r.list_id
 ORDER BY s.day DESC, u.name, s.user_id, s.provider, r.created_at DESC NULLS LAST, s.run_id
 LIMIT %(limit)s OFFSET %(offset)s

-- name: organization_time_zone
-- The time zone that this organization chose; nothing until it chooses one.
SELECT settings ->> 'time_zone' FROM organizations WHERE id = current_org()

-- name: people_who_used
-- The users who have any ledger row, for the filter of managers.
SELECT u.id, u.name FROM users u
 WHERE u.org_id = current_org() AND EXISTS (SELECT 1 FROM ledger l WHERE l.user_id = u.id)
 ORDER BY u.name
