-- Quotas of a day and budgets of a month: what each holder may use, and what is reserved and used of it
-- (docs/decisions/quotas.md). A holder is a user, or the organization itself under its own id.

CREATE TABLE quotas (
    org_id      uuid NOT NULL REFERENCES organizations,
    holder      uuid NOT NULL,
    user_id     uuid GENERATED ALWAYS AS (CASE WHEN holder <> org_id THEN holder END) STORED,
    provider    text NOT NULL,
    meter       text NOT NULL CHECK (meter IN ('candidates', 'calls', 'credits', 'usd')),
    cap         numeric(20, 10) CHECK (cap >= 0),
    changed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (org_id, holder, provider, meter),
    CHECK ((meter = 'usd') = (provider = '')),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
);
COMMENT ON COLUMN quotas.cap IS 'null: no limit, also where there is one by default';

CREATE TABLE quota_counters (
    org_id      uuid NOT NULL REFERENCES organizations,
    holder      uuid NOT NULL,
    user_id     uuid GENERATED ALWAYS AS (CASE WHEN holder <> org_id THEN holder END) STORED,
    provider    text NOT NULL,
    meter       text NOT NULL CHECK (meter IN ('candidates', 'calls', 'credits', 'usd')),
    period      date NOT NULL,
    cap         numeric(20, 10),
    reserved    numeric(20, 10) NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    used        numeric(20, 10) NOT NULL DEFAULT 0 CHECK (used >= 0),
    alerted_at  timestamptz,
    PRIMARY KEY (org_id, holder, provider, meter, period),
    CHECK ((meter = 'usd') = (provider = '')),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
);
COMMENT ON COLUMN quota_counters.period IS 'the day in the provider''s time zone; of money the first day of the month';
COMMENT ON COLUMN quota_counters.cap IS 'as it was when somebody last reserved: the alert at 80 % is measured by it';

DO $$
DECLARE
    tenant text;
BEGIN
    FOREACH tenant IN ARRAY ARRAY['quotas', 'quota_counters'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant);
        EXECUTE format('CREATE POLICY organization ON %I TO sourcingx_app
                        USING (org_id = (SELECT current_org())) WITH CHECK (org_id = (SELECT current_org()))', tenant);
        EXECUTE format('CREATE POLICY definer ON %I TO sourcingx_definer USING (true) WITH CHECK (true)', tenant);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO sourcingx_app, sourcingx_definer', tenant);
    END LOOP;
END $$;

ALTER TABLE intents
    ADD COLUMN units jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN quota_day date,
    ADD COLUMN quota_month date;
COMMENT ON COLUMN intents.units IS 'what the call counts at most in its provider''s quotas, by meter';
COMMENT ON COLUMN intents.quota_day IS 'the provider''s day whose quotas hold the reservation';

ALTER TABLE runs ADD COLUMN resets_at timestamptz;
COMMENT ON COLUMN runs.resets_at IS 'when the quota or the monthly budget begins anew that the run is paused by';
CREATE INDEX runs_waiting_for_a_quota ON runs (resets_at) WHERE state = 'paused' AND resets_at IS NOT NULL;

-- The counters that one call has a share in, and how much at most: of its payer and of the organization, each
-- meter of its provider's day, and the money of the month. Without a search path of its own it can be inlined.
CREATE FUNCTION quota_shares(org uuid, payer uuid, asked_provider text, units jsonb, usd numeric, day date, month date)
RETURNS TABLE (holder uuid, provider text, meter text, period date, amount numeric)
LANGUAGE sql IMMUTABLE AS $$
    SELECT h.holder, s.provider, s.meter, s.period, s.amount
      FROM unnest(ARRAY[payer, org]) AS h (holder),
           (SELECT asked_provider, u.key, day, u.value::numeric FROM jsonb_each_text(units) u WHERE day IS NOT NULL
            UNION ALL
            SELECT '', 'usd', month, coalesce(usd, 0) WHERE month IS NOT NULL) AS s (provider, meter, period, amount)
$$;

-- Reserve for as many of these calls as fit, in their order: one that does not fit leaves room for those behind it.
-- `calls`: place, id, provider, units, usd, day, month. `caps`: holder, provider, meter, cap; what is not named has
-- none. Beside the calls accepted, the counter of which there was not enough: rather one of which there would not be
-- enough even if all that is reserved came back.
CREATE FUNCTION reserve_quotas(payer uuid, calls jsonb, caps jsonb)
RETURNS TABLE (accepted uuid[], holder uuid, provider text, meter text, is_lasting boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
#variable_conflict use_column
DECLARE
    org uuid := current_org();
    counter record;
    call record;
    places int := 0;
    holders uuid[] := '{}';
    providers text[] := '{}';
    meters text[] := '{}';
    periods date[] := '{}';
    limits numeric[] := '{}';
    used_so_far numeric[] := '{}';
    held numeric[] := '{}';
    taken numeric[] := '{}';
    used_now numeric;
    held_now numeric;
    short int;
    fits boolean;
BEGIN
    accepted := '{}';
    is_lasting := false;
    FOR counter IN
        SELECT s.holder, s.provider, s.meter, s.period,
               (SELECT k.cap FROM jsonb_to_recordset(caps) AS k (holder uuid, provider text, meter text, cap numeric)
                 WHERE k.holder = s.holder AND k.provider = s.provider AND k.meter = s.meter) AS cap
          FROM jsonb_to_recordset(calls) AS c (provider text, units jsonb, usd numeric, day date, month date),
               quota_shares(org, payer, c.provider, c.units, c.usd, c.day, c.month) s
         GROUP BY s.holder, s.provider, s.meter, s.period
         ORDER BY s.holder, s.provider, s.meter, s.period
    LOOP
        places := places + 1;
        holders[places] := counter.holder;
        providers[places] := counter.provider;
        meters[places] := counter.meter;
        periods[places] := counter.period;
        limits[places] := counter.cap;
        taken[places] := 0;
        INSERT INTO quota_counters AS q (org_id, holder, provider, meter, period, cap)
        VALUES (org, counter.holder, counter.provider, counter.meter, counter.period, counter.cap)
            ON CONFLICT ON CONSTRAINT quota_counters_pkey DO UPDATE
               SET cap = excluded.cap,
                   alerted_at = CASE WHEN excluded.cap > 0 AND q.used >= excluded.cap * 0.8
                                     THEN coalesce(q.alerted_at, clock_timestamp()) END
        RETURNING q.used, q.reserved INTO used_now, held_now;
        used_so_far[places] := used_now;
        held[places] := held_now;
    END LOOP;

    FOR call IN
        SELECT c.id, array_agg(coalesce(s.amount, 0) ORDER BY p.place) AS needs
          FROM jsonb_to_recordset(calls)
               AS c (place int, id uuid, provider text, units jsonb, usd numeric, day date, month date)
         CROSS JOIN generate_series(1, places) AS p (place)
          LEFT JOIN quota_shares(org, payer, c.provider, c.units, c.usd, c.day, c.month) s
            ON s.holder = holders[p.place] AND s.provider = providers[p.place] AND s.meter = meters[p.place]
           AND s.period = periods[p.place]
         GROUP BY c.place, c.id ORDER BY c.place
    LOOP
        fits := true;
        FOR place IN 1 .. places LOOP
            IF call.needs[place] > 0
               AND used_so_far[place] + held[place] + taken[place] + call.needs[place] > limits[place] THEN
                fits := false;
                IF short IS NULL OR NOT is_lasting THEN
                    short := place;
                    is_lasting := used_so_far[place] + call.needs[place] > limits[place];
                END IF;
            END IF;
        END LOOP;
        IF fits THEN
            accepted := accepted || call.id;
            FOR place IN 1 .. places LOOP
                taken[place] := taken[place] + call.needs[place];
            END LOOP;
        END IF;
    END LOOP;

    FOR place IN 1 .. places LOOP
        UPDATE quota_counters q SET reserved = q.reserved + taken[place]
         WHERE q.org_id = org AND q.holder = holders[place] AND q.provider = providers[place]
           AND q.meter = meters[place] AND q.period = periods[place] AND taken[place] > 0;
    END LOOP;
    holder := holders[short];
    provider := providers[short];
    meter := meters[short];
    RETURN NEXT;
END $$;

-- Whatever closes a call settles what it reserved: the share leaves `reserved`, and `used` rises by what the ledger row
-- says that the same statement wrote. Without one the call was withdrawn, and counts nothing. A call of unknown outcome,
-- or with a charge that nobody could read, counts with all it reserved.
CREATE FUNCTION settle_quotas() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
    change record;
BEGIN
    FOR change IN
        SELECT n.org_id, s.holder, s.provider, s.meter, s.period, sum(s.amount) AS released,
               sum(CASE WHEN l.id IS NULL THEN 0
                        WHEN s.meter = 'usd' AND l.status <> 'unknown' THEN coalesce(l.cost_usd, s.amount)
                        WHEN s.meter = 'credits' AND l.status <> 'unknown' THEN l.credits
                        WHEN s.meter = 'calls' OR l.status = 'unknown' THEN s.amount
                        WHEN l.status = 'charged' THEN least(s.amount, greatest(l.fulfilled, 1))
                        ELSE 0 END) AS used
          FROM after_it n
          JOIN before_it o ON o.id = n.id AND o.state IN ('planned', 'sent')
         CROSS JOIN quota_shares(n.org_id, n.user_id, n.provider, n.units, n.reserved_usd, n.quota_day, n.quota_month) s
          LEFT JOIN ledger l ON l.org_id = n.org_id AND l.intent_id = n.id
         WHERE n.state NOT IN ('planned', 'sent')
         GROUP BY n.org_id, s.holder, s.provider, s.meter, s.period
         ORDER BY n.org_id, s.holder, s.provider, s.meter, s.period
    LOOP
        UPDATE quota_counters q
           SET reserved = q.reserved - change.released, used = q.used + change.used,
               alerted_at = CASE WHEN q.cap > 0 AND q.used + change.used >= q.cap * 0.8
                                 THEN coalesce(q.alerted_at, clock_timestamp()) ELSE q.alerted_at END
         WHERE q.org_id = change.org_id AND q.holder = change.holder AND q.provider = change.provider
           AND q.meter = change.meter AND q.period = change.period;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER closed_calls_settle_quotas AFTER UPDATE ON intents
    REFERENCING OLD TABLE AS before_it NEW TABLE AS after_it
    FOR EACH STATEMENT EXECUTE FUNCTION settle_quotas();

-- Runs whose day's quota has begun anew go back into the queue; how many. A month's budget waits for a person.
CREATE FUNCTION wake_runs_after_reset() RETURNS int
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    WITH woken AS (
        UPDATE runs SET state = 'queued', pause_reason = '', message = '', resets_at = NULL, starts = 0
         WHERE state = 'paused' AND pause_reason = 'quota' AND lease_until IS NULL AND resets_at <= clock_timestamp()
        RETURNING id)
    SELECT count(*)::int FROM woken
$$;

-- None of these but the last is a door: they run as whoever asks, under that role's policies.
REVOKE ALL ON FUNCTION quota_shares(uuid, uuid, text, jsonb, numeric, date, date) FROM PUBLIC;
REVOKE ALL ON FUNCTION reserve_quotas(uuid, jsonb, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION wake_runs_after_reset() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION quota_shares(uuid, uuid, text, jsonb, numeric, date, date)
   TO sourcingx_app, sourcingx_definer;
GRANT EXECUTE ON FUNCTION reserve_quotas(uuid, jsonb, jsonb) TO sourcingx_app;
GRANT EXECUTE ON FUNCTION wake_runs_after_reset() TO sourcingx_engine;
ALTER FUNCTION wake_runs_after_reset() OWNER TO sourcingx_definer;

-- The month that is under way: a budget given today counts what was paid before.
SET LOCAL ROLE sourcingx_definer;
INSERT INTO quota_counters (org_id, holder, provider, meter, period, used)
SELECT l.org_id, h.holder, '', 'usd', m.month,
       sum(CASE WHEN l.status = 'unknown' OR l.cost_usd IS NULL
                THEN coalesce((l.detail ->> 'at_most_usd')::numeric, l.cost_usd, 0) ELSE l.cost_usd END)
  FROM organizations o
  LEFT JOIN pg_timezone_names z ON z.name = o.settings ->> 'time_zone'
 CROSS JOIN LATERAL (SELECT date_trunc('month', now() AT TIME ZONE coalesce(z.name, 'UTC'))::date AS month) m
  JOIN ledger l ON l.org_id = o.id AND l.at >= m.month::timestamp AT TIME ZONE coalesce(z.name, 'UTC')
 CROSS JOIN LATERAL unnest(ARRAY[l.user_id, l.org_id]) AS h (holder)
 GROUP BY l.org_id, h.holder, m.month;
RESET ROLE;
