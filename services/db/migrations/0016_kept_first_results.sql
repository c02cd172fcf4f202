-- As before, but that an item whose later call is lost with its process keeps what its first call brought: it waits,
-- and the next driver settles it without sending again (docs/run-life.md, Losing the wheel). A run that is ended
-- here (no fence) has no next driver: there it stays unknown.

CREATE OR REPLACE FUNCTION close_lost_calls(asked_run uuid, asked_org uuid, new_fence bigint, resends jsonb)
RETURNS TABLE (returned int, unknown int, dead int) LANGUAGE plpgsql
SET search_path = pg_catalog, public AS $$
#variable_conflict use_column
DECLARE
    withdrawn bigint[];
    most_usd numeric;
    sent_again int;
BEGIN
    WITH lost AS (
        UPDATE intents i SET state = 'unknown', settled_at = clock_timestamp()
         WHERE i.run_id = asked_run AND i.state = 'sent' AND (new_fence IS NULL OR i.fence < new_fence)
        RETURNING i.*
    ), booked AS (
        INSERT INTO ledger (org_id, user_id, run_id, item_id, intent_id, provider, operation, status, cost_usd,
                            error_code, detail)
        SELECT l.org_id, l.user_id, l.run_id, l.item_id, l.id, l.provider, l.operation, 'unknown', 0, 'process_lost',
               jsonb_build_object('at_most_usd', l.reserved_usd)
          FROM lost l
    ), moved AS (
        UPDATE run_items t SET unknowns = t.unknowns + 1,
               state = CASE WHEN t.unknowns < coalesce((resends ->> l.provider)::int, 0)
                              OR (t.carried IS NOT NULL AND new_fence IS NOT NULL)
                            THEN 'waiting' ELSE 'unknown' END,
               settled_at = CASE WHEN t.unknowns < coalesce((resends ->> l.provider)::int, 0)
                                   OR (t.carried IS NOT NULL AND new_fence IS NOT NULL)
                                 THEN NULL ELSE clock_timestamp() END,
               reason_code = 'process_lost',
               reason = 'The job process ended while the answer was on its way; it may have been charged.'
          FROM lost l WHERE t.id = l.item_id AND t.state = 'sent'
        RETURNING t.state
    )
    SELECT count(*) FILTER (WHERE m.state = 'waiting'), count(*) FILTER (WHERE m.state = 'unknown'),
           (SELECT coalesce(sum(l.reserved_usd), 0) FROM lost l)
      INTO sent_again, unknown, most_usd FROM moved m;

    WITH closed AS (
        UPDATE intents i SET state = 'withdrawn', settled_at = clock_timestamp()
         WHERE i.run_id = asked_run AND i.state = 'planned' AND (new_fence IS NULL OR i.fence < new_fence)
        RETURNING i.item_id
    ) SELECT coalesce(array_agg(c.item_id), '{}') INTO withdrawn FROM closed c;

    WITH moved AS (
        UPDATE run_items t SET rescues = t.rescues + CASE WHEN t.id = ANY (withdrawn) THEN 0 ELSE 1 END,
               state = CASE WHEN t.id = ANY (withdrawn) OR t.rescues < 1 THEN 'waiting' ELSE 'failed' END,
               settled_at = CASE WHEN t.id = ANY (withdrawn) OR t.rescues < 1 THEN NULL ELSE clock_timestamp() END,
               reason_code = CASE WHEN t.id = ANY (withdrawn) OR t.rescues < 1 THEN t.reason_code
                                  ELSE 'dead_letter' END,
               reason = CASE WHEN t.id = ANY (withdrawn) OR t.rescues < 1 THEN t.reason
                             ELSE 'The job process ended twice while this person was being prepared.' END
         WHERE t.run_id = asked_run AND t.state = 'claimed' AND (new_fence IS NULL OR t.fence < new_fence)
        RETURNING t.state
    )
    SELECT count(*) FILTER (WHERE m.state = 'waiting'), count(*) FILTER (WHERE m.state = 'failed')
      INTO returned, dead FROM moved m;
    returned := returned + sent_again;

    IF returned + unknown + dead > 0 THEN
        UPDATE runs r SET unknown = r.unknown + close_lost_calls.unknown, failed = r.failed + dead,
                          unknown_usd = r.unknown_usd + most_usd
         WHERE r.id = asked_run;
        INSERT INTO run_events (org_id, run_id, event, detail)
        VALUES (asked_org, asked_run, 'rescued', jsonb_build_object(
                'returned', returned, 'unknown', close_lost_calls.unknown, 'sent_again', sent_again, 'dead', dead));
    END IF;
    RETURN NEXT;
END $$;
