-- Searching, sorting and paging the people of one organization (docs/decisions/search.md).
--
-- Row security keeps @@ and the other operators that are not leakproof away from every index, so these
-- functions run as sourcingx_definer, whose policy hides nothing. What they may read is decided here: the
-- organization always comes from the transaction and stands in every condition.

-- One index for each order of the grid; the id makes it total. They also answer equality and ranges.
CREATE INDEX candidates_by_name ON candidates (org_id, name_key, id);
CREATE INDEX candidates_by_title ON candidates (org_id, title_key, id);
CREATE INDEX candidates_by_company ON candidates (org_id, company_key, id);
CREATE INDEX candidates_by_location ON candidates (org_id, location_key, id);
CREATE INDEX candidates_by_added ON candidates (org_id, created_at, id);
CREATE INDEX candidates_by_updated ON candidates (org_id, updated_at, id);
CREATE INDEX candidates_by_experience ON candidates (org_id, industry_months, id);
CREATE INDEX candidates_by_enrichment ON candidates (org_id, enrichment, enriched_at);
CREATE INDEX candidates_by_source ON candidates (org_id, source);
CREATE INDEX candidates_with_email ON candidates (org_id) WHERE email <> '';
-- All organizations share this one: each vector holds the lexeme of its organization, and each query asks
-- for it. Without the pending list, no reader pays for what an import has just written.
CREATE INDEX candidates_by_words ON candidates USING gin (words) WITH (fastupdate = off);
-- Names of lists and filters are few, people are many: a finer picture of the words keeps estimates honest.
ALTER TABLE candidates ALTER COLUMN words SET STATISTICS 300;

-- Places in long results -------------------------------------------------------------------------------

-- A result too long to be sorted for each block is walked along an index; these remember where the walk
-- stood, so that row 900,000 costs what row 1 costs. Only a cache: unlogged, short-lived, rebuilt at need.
CREATE UNLOGGED TABLE searches (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id       uuid NOT NULL REFERENCES organizations,
    fingerprint  bytea NOT NULL,
    made_at      timestamptz NOT NULL DEFAULT now(),
    total        bigint,
    CONSTRAINT search_once UNIQUE (org_id, fingerprint),
    UNIQUE (org_id, id)
);
COMMENT ON COLUMN searches.total IS 'how many people match; known once every anchor is laid';
CREATE INDEX searches_by_age ON searches (org_id, made_at);

-- The last row before a place: where the row numbered `place` + 1 begins. No key: the person sorts last.
CREATE UNLOGGED TABLE search_anchors (
    org_id     uuid NOT NULL,
    search_id  bigint NOT NULL,
    place      bigint NOT NULL,
    key        text,
    id         bigint NOT NULL,
    PRIMARY KEY (search_id, place),
    FOREIGN KEY (org_id, search_id) REFERENCES searches (org_id, id) ON DELETE CASCADE
);

DO $$
DECLARE
    tenant text;
BEGIN
    FOREACH tenant IN ARRAY ARRAY['searches', 'search_anchors'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant);
        EXECUTE format('CREATE POLICY organization ON %I TO sourcingx_app
                        USING (org_id = current_org()) WITH CHECK (org_id = current_org())', tenant);
        EXECUTE format('CREATE POLICY definer ON %I TO sourcingx_definer USING (true) WITH CHECK (true)', tenant);
        EXECUTE format('GRANT SELECT ON %I TO sourcingx_app', tenant);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO sourcingx_definer', tenant);
    END LOOP;
END $$;

-- What is asked ----------------------------------------------------------------------------------------

-- The organization of this transaction, or an error: a search without one is a mistake of ours.
CREATE FUNCTION required_org() RETURNS uuid LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF current_org() IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = 'no organization in this transaction';
    END IF;
    RETURN current_org();
END $$;

-- The condition that a set of filters means, as text to be executed over `candidates c`. Column names and
-- operators come from here and nowhere else; values are quoted by format(). `about` holds, under the name
-- of a sort, the condition on that sort's own column, or under name_from and name_until its two ends: an
-- ordered walk starts and ends there.
CREATE FUNCTION candidate_condition(filters jsonb, OUT scope text, OUT everything text, OUT about jsonb)
LANGUAGE plpgsql AS $$
DECLARE
    org constant uuid := required_org();
    org_word tsquery;
    parts text[];
    filter text;
    value jsonb;
    part text;
    concerned text;
BEGIN
    SELECT format('''org:%s''', number)::tsquery INTO STRICT org_word FROM organizations WHERE id = org;
    scope := format('c.org_id = %L', org);
    parts := ARRAY[scope];
    about := '{}';
    FOR filter, value IN SELECT * FROM jsonb_each(filters) LOOP
        concerned := CASE filter WHEN 'names' THEN 'name' WHEN 'titles' THEN 'title' WHEN 'companies' THEN 'company'
                                 WHEN 'locations' THEN 'location' END;
        IF concerned IS NOT NULL THEN
            part := format('c.%I = ANY (%L::text[])', concerned || '_key', texts_of(value));
        ELSIF filter = 'words' THEN
            part := words_condition(scope, org_word, texts_of(value));
        ELSIF filter = 'has_email' THEN
            part := CASE WHEN value::boolean THEN 'c.email <> ''''' ELSE 'c.email = ''''' END;
        ELSIF filter = 'enrichment' THEN
            part := format('c.enrichment = ANY (%L::text[])', texts_of(value));
        ELSIF filter = 'sources' THEN
            part := format('c.source = ANY (%L::text[])', texts_of(value));
        ELSIF filter = 'fresh_since' THEN
            part := format('c.enriched_at >= %L::timestamptz', value #>> '{}');
        ELSIF filter = 'stale_since' THEN
            part := format('c.enriched_at < %L::timestamptz', value #>> '{}');
        ELSIF filter = 'never_enriched' THEN
            part := 'c.enriched_at IS NULL';
        ELSIF filter = 'months_from' THEN
            part := format('c.industry_months >= %L::int', value #>> '{}');
            concerned := 'experience_from';
        ELSIF filter = 'months_until' THEN
            part := format('c.industry_months <= %L::int', value #>> '{}');
            concerned := 'experience_until';
        ELSIF filter = 'added_from' THEN
            part := format('c.created_at >= %L::timestamptz', value #>> '{}');
            concerned := 'added_from';
        ELSIF filter = 'added_before' THEN
            part := format('c.created_at < %L::timestamptz', value #>> '{}');
            concerned := 'added_until';
        ELSIF filter = 'list' THEN
            part := format('EXISTS (SELECT FROM list_members m WHERE m.candidate_id = c.id AND m.list_id = %L::uuid'
                           ' AND m.org_id = %L)', value #>> '{}', org);
        ELSIF filter = 'judged' THEN
            part := format('c.id IN (SELECT v.candidate_id FROM newest_verdicts(%L::uuid) v'
                           ' WHERE v.verdict = ANY (%L::text[]))', value ->> 'position', texts_of(value -> 'verdicts'));
        ELSE
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('no filter named %s', filter);
        END IF;
        parts := parts || part;
        IF concerned IS NOT NULL THEN
            about := about || jsonb_build_object(concerned, concat_ws(' AND ', about ->> concerned, part));
        END IF;
    END LOOP;
    everything := array_to_string(parts, ' AND ');
END $$;

CREATE FUNCTION texts_of(value jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE
    RETURN ARRAY(SELECT jsonb_array_elements_text(value));

-- All of these queries, with the lexeme of the organization. The index is asked for the rare ones only: to
-- read the long list of a common word costs more than to look for the word in the few rows that are left.
CREATE FUNCTION words_condition(scope text, org_word tsquery, wanted text[]) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    common constant int := 8;
    sizes bigint[];
BEGIN
    IF cardinality(wanted) > 1 THEN
        sizes := ARRAY(SELECT expected_rows(format('%s AND c.words @@ %L::tsquery', scope, w)) FROM unnest(wanted) w);
    END IF;
    RETURN (SELECT string_agg(CASE WHEN size > common * least_size THEN format('(c.words @@ %L::tsquery) IS TRUE', w)
                                   ELSE format('c.words @@ %L::tsquery', org_word && w::tsquery) END, ' AND ')
              FROM (SELECT w, coalesce(size, 0) AS size, min(size) OVER () AS least_size
                      FROM unnest(wanted, sizes) AS u (w, size)) t);
END $$;

-- The verdict that counts for each person of a position: a person's override, else the newest screening.
CREATE FUNCTION newest_verdicts(wanted uuid) RETURNS TABLE (candidate_id bigint, verdict text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT s.candidate_id, coalesce(o.verdict, s.verdict)
      FROM (SELECT DISTINCT ON (n.candidate_id) n.id, n.candidate_id, n.verdict FROM screenings n
             WHERE n.position_id = wanted AND n.org_id = current_org()
             ORDER BY n.candidate_id, n.id DESC) s
      LEFT JOIN LATERAL (SELECT w.verdict FROM overrides w
                          WHERE w.screening_id = s.id AND w.undone_at IS NULL
                          ORDER BY w.id DESC LIMIT 1) o ON true;
END;

-- The column behind a sort, its type, and what is true of rows that have no value there: those come last.
CREATE FUNCTION candidate_sort(sort text, OUT col text, OUT kind text, OUT known text, OUT blank text)
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF sort IN ('name', 'title', 'company', 'location') THEN
        col := 'c.' || sort || '_key';
        kind := 'text';
        known := col || ' > ''''';
        blank := col || ' = ''''';
    ELSIF sort = 'experience' THEN
        col := 'c.industry_months';
        kind := 'int';
        known := col || ' IS NOT NULL';
        blank := col || ' IS NULL';
    ELSIF sort IN ('added', 'updated') THEN
        col := CASE sort WHEN 'added' THEN 'c.created_at' ELSE 'c.updated_at' END;
        kind := 'timestamptz';
        known := 'true';
        blank := col || ' IS NULL';
    ELSE
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('no sort named %s', sort);
    END IF;
END $$;

-- How many rows the planner expects: cheap, and good enough to choose how to search. Volatile, because
-- PostgreSQL allows EXPLAIN in no other function.
CREATE FUNCTION expected_rows(condition text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) SELECT FROM candidates c WHERE ' || condition INTO plan;
    RETURN (plan #>> '{0,Plan,Plan Rows}')::bigint;
END $$;

-- Two ways to a block ----------------------------------------------------------------------------------

-- Fetch every match, sort, cut: right for short results, and always complete. Whoever passes a limit gets
-- no ids and a total above it if there are more matches than that.
CREATE FUNCTION collect_block(condition text, sort text, descending boolean, first bigint, size int, most bigint,
                              OUT ids bigint[], OUT total bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    s record;
    direction constant text := CASE WHEN descending THEN 'DESC' ELSE 'ASC' END;
BEGIN
    s := candidate_sort(sort);
    EXECUTE format(
        'WITH found AS MATERIALIZED (SELECT c.id, %1$s AS key, %2$s AS is_blank FROM candidates c WHERE %3$s LIMIT $3)
         SELECT n.total, CASE WHEN n.total < $3 THEN
                  ARRAY(SELECT id FROM found ORDER BY is_blank, key %4$s, id %4$s OFFSET $1 LIMIT $2) END
           FROM (SELECT count(*) AS total FROM found) n',
        s.col, s.blank, condition, direction)
    INTO total, ids USING first, size, most + 1;
END $$;

-- Where a walk goes on after an anchor: first the rows that have a value, then those that have none. Null
-- where there is nothing (more) to walk: everybody has a time. An anchor replaces the bound that lies behind it: given both,
-- PostgreSQL would start at the earlier one and pass over everything in between.
CREATE FUNCTION walk_bounds(sort text, about jsonb, descending boolean, anchor search_anchors,
                            OUT known text, OUT blank text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    s record;
    scope constant text := format('c.org_id = %L', required_org());
    beyond constant text := CASE WHEN descending THEN '<' ELSE '>' END;
    begins constant boolean := anchor.id IS NULL;
BEGIN
    s := candidate_sort(sort);
    IF begins OR anchor.key IS NOT NULL THEN
        known := concat_ws(' AND ', scope, about ->> sort,
            CASE WHEN begins OR descending THEN concat_ws(' AND ', s.known, about ->> (sort || '_from')) END,
            CASE WHEN begins OR NOT descending THEN about ->> (sort || '_until') END,
            CASE WHEN NOT begins THEN
                format('(%s, c.id) %s (%L::%s, %L::bigint)', s.col, beyond, anchor.key, s.kind, anchor.id) END);
    END IF;
    IF s.kind <> 'timestamptz' THEN
        blank := concat_ws(' AND ', scope, s.blank, CASE WHEN NOT begins AND anchor.key IS NULL THEN
            format('c.id %s %L::bigint', beyond, anchor.id) END);
    END IF;
END $$;

-- Walk along the sort's index and keep what matches: right for long results, whose next match is near.
-- Gives up (fewer rows than asked for) after `most` rows without enough matches. The planner may not sort:
-- it would read all `most` rows first.
CREATE FUNCTION walk_block(condition text, about jsonb, sort text, descending boolean, anchor search_anchors,
                           skip int, size int, most int, OUT ids bigint[], OUT last_key text)
LANGUAGE plpgsql STABLE SET enable_sort = off SET enable_bitmapscan = off SET enable_seqscan = off AS $$
DECLARE
    s record;
    bounds record;
    direction constant text := CASE WHEN descending THEN 'DESC' ELSE 'ASC' END;
    wanted constant int := skip + size;
    keys text[] := '{}';
    more bigint[];
BEGIN
    s := candidate_sort(sort);
    bounds := walk_bounds(sort, about, descending, anchor);
    ids := '{}';
    IF bounds.known IS NOT NULL THEN
        EXECUTE format(
            'SELECT coalesce(array_agg(w.id), ''{}''), coalesce(array_agg(w.key), ''{}'') FROM (
               SELECT c.id, %1$s::text AS key FROM (
                 SELECT c.* FROM candidates c WHERE %2$s ORDER BY %1$s %3$s, c.id %3$s LIMIT %4$s) c
                WHERE %5$s LIMIT %6$s) w',
            s.col, bounds.known, direction, most, condition, wanted)
        INTO ids, keys;
    END IF;
    IF cardinality(ids) < wanted AND bounds.blank IS NOT NULL THEN
        EXECUTE format(
            'SELECT coalesce(array_agg(w.id), ''{}'') FROM (
               SELECT c.id FROM (
                 SELECT c.* FROM candidates c WHERE %1$s ORDER BY %2$s %3$s, c.id %3$s LIMIT %4$s) c
                WHERE %5$s LIMIT %6$s) w',
            bounds.blank, s.col, direction, most, condition, wanted - cardinality(ids))
        INTO more;
        ids := ids || more;
    END IF;
    last_key := keys[cardinality(ids)];
    ids := ids[skip + 1 : wanted];
END $$;

-- The record of one search's places: an old one is forgotten, and so is one that begins anew.
CREATE FUNCTION open_search(fingerprint bytea, begins boolean) RETURNS searches LANGUAGE plpgsql AS $$
DECLARE
    org constant uuid := required_org();
    found_search searches;
BEGIN
    SELECT * INTO found_search FROM searches s WHERE s.org_id = org AND s.fingerprint = open_search.fingerprint;
    IF found_search.made_at > now() - (CASE WHEN begins THEN '30 seconds' ELSE '10 minutes' END)::interval THEN
        RETURN found_search;
    END IF;
    DELETE FROM searches s WHERE s.id IN (
        SELECT o.id FROM searches o WHERE o.org_id = org
           AND (o.id = found_search.id OR o.made_at < now() - interval '10 minutes')
         ORDER BY o.made_at LIMIT 5 FOR UPDATE SKIP LOCKED);
    INSERT INTO searches (org_id, fingerprint) VALUES (org, open_search.fingerprint)
        ON CONFLICT ON CONSTRAINT search_once DO NOTHING;
    SELECT * INTO found_search FROM searches s WHERE s.org_id = org AND s.fingerprint = open_search.fingerprint;
    RETURN found_search;
END $$;

-- The last anchor at or before a place; all null before the first one.
CREATE FUNCTION nearest_anchor(search bigint, place bigint) RETURNS search_anchors LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT a FROM search_anchors a WHERE a.search_id = search AND a.place <= nearest_anchor.place
     ORDER BY a.place DESC LIMIT 1;
END;

-- Lay anchors from the nearest one on to a place far down, one at every `step` matches. Coming to the end
-- on the way tells how many match. The cursor moves over rows inside the executor, which is what makes it quick.
CREATE FUNCTION lay_anchors(condition text, about jsonb, sort text, descending boolean, search searches,
                            anchor search_anchors, far bigint, OUT total bigint)
LANGUAGE plpgsql SET enable_sort = off SET enable_bitmapscan = off SET enable_seqscan = off AS $$
DECLARE
    step constant int := 100;
    s record;
    bounds record;
    bound text;
    direction constant text := CASE WHEN descending THEN 'DESC' ELSE 'ASC' END;
    walk refcursor;
    moved int;
    here record;
    place bigint := coalesce(anchor.place, 0);
    since int := 0;
    places bigint[] := '{}';
    keys text[] := '{}';
    ids bigint[] := '{}';
BEGIN
    s := candidate_sort(sort);
    bounds := walk_bounds(sort, about, descending, anchor);
    FOREACH bound IN ARRAY ARRAY[bounds.known, bounds.blank] LOOP
        CONTINUE WHEN bound IS NULL OR place >= far;
        OPEN walk NO SCROLL FOR EXECUTE format(
            'SELECT c.id, %1$s::text AS key FROM candidates c WHERE %2$s AND %3$s ORDER BY %1$s %4$s, c.id %4$s LIMIT %5$s',
            s.col, bound, condition, direction, far - place);
        LOOP
            MOVE FORWARD (step - 1 - since) FROM walk;
            GET DIAGNOSTICS moved = ROW_COUNT;
            place := place + moved;
            since := since + moved;
            EXIT WHEN since < step - 1;
            FETCH NEXT FROM walk INTO here;
            EXIT WHEN NOT FOUND;
            place := place + 1;
            since := 0;
            places := places || place;
            ids := ids || here.id;
            keys := keys || CASE WHEN bound = bounds.known THEN here.key END;
        END LOOP;
        CLOSE walk;
    END LOOP;
    INSERT INTO search_anchors (org_id, search_id, place, key, id)
    SELECT search.org_id, search.id, laid.place, laid.key, laid.id FROM unnest(places, keys, ids) AS laid (place, key, id)
        ON CONFLICT ON CONSTRAINT search_anchors_pkey DO NOTHING;
    IF place < far THEN
        total := place;
        UPDATE searches t SET total = lay_anchors.total WHERE t.id = search.id;
    END IF;
END $$;

-- The doors --------------------------------------------------------------------------------------------

-- One block of ids in order. `total` is exact or the planner's expectation; count_candidates says better.
-- Results of up to `always_sorted` people are never walked.
CREATE FUNCTION search_candidates(filters jsonb, sort text, descending boolean, first bigint, size int,
                                  always_sorted int DEFAULT 2000,
                                  OUT ids bigint[], OUT total bigint, OUT total_is_exact boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
SET max_parallel_workers_per_gather = 0 AS $$
DECLARE
    never_sorted constant int := 100000;
    walked_at_once constant int := 30000;
    reach constant int := 1000;
    c record;
    expected bigint;
    population bigint;
    search searches;
    anchor search_anchors;
    walked record;
BEGIN
    IF first < 0 OR size NOT BETWEEN 1 AND 500 OR first > 100000000 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'no such block';
    END IF;
    c := candidate_condition(filters);
    expected := expected_rows(c.everything);
    -- Sorting reads every match; walking reads population / matches * size rows. Take what reads less.
    population := CASE WHEN expected > always_sorted AND c.everything <> c.scope THEN expected_rows(c.scope)
                       ELSE expected END;
    IF expected <= always_sorted OR expected::float * expected <= population::float * size THEN
        SELECT b.ids, b.total, true INTO ids, total, total_is_exact
          FROM collect_block(c.everything, sort, descending, first, size, never_sorted) b;
        IF ids IS NOT NULL THEN
            RETURN;
        END IF;
    END IF;

    search := open_search(sha256(convert_to(concat_ws('|', filters, sort, descending), 'UTF8')), first = 0);
    anchor := nearest_anchor(search.id, first);
    IF first - coalesce(anchor.place, 0) > reach AND search.total IS NULL THEN
        search.total := lay_anchors(c.everything, c.about, sort, descending, search, anchor, first);
        anchor := nearest_anchor(search.id, first);
    END IF;
    IF first >= search.total THEN
        ids := '{}';
        total := search.total;
        total_is_exact := true;
        RETURN;
    END IF;

    walked := walk_block(c.everything, c.about, sort, descending, anchor,
                         (first - coalesce(anchor.place, 0))::int, size, walked_at_once);
    ids := walked.ids;
    IF cardinality(ids) < least(size, coalesce(search.total - first, size)) THEN
        SELECT b.ids, b.total, true INTO ids, total, total_is_exact
          FROM collect_block(c.everything, sort, descending, first, size, 1000000000) b;
        UPDATE searches t SET total = search_candidates.total WHERE t.id = search.id;
        RETURN;
    END IF;
    IF cardinality(ids) = size AND search.total IS NULL THEN
        INSERT INTO search_anchors (org_id, search_id, place, key, id)
        VALUES (search.org_id, search.id, first + size, walked.last_key, ids[size])
            ON CONFLICT ON CONSTRAINT search_anchors_pkey DO NOTHING;
    END IF;
    total := coalesce(search.total, greatest(expected, first + cardinality(ids)));
    total_is_exact := search.total IS NOT NULL;
END $$;

-- How many match: exact up to `most`, beyond it what the planner expects.
CREATE FUNCTION count_candidates(filters jsonb, most int, OUT total bigint, OUT total_is_exact boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
SET max_parallel_workers_per_gather = 0 AS $$
DECLARE
    c record;
BEGIN
    c := candidate_condition(filters);
    EXECUTE format('SELECT count(*) FROM (SELECT FROM candidates c WHERE %s LIMIT $1) n', c.everything)
       INTO total USING most + 1;
    total_is_exact := total <= most;
    IF NOT total_is_exact THEN
        total := greatest(total, expected_rows(c.everything));
    END IF;
END $$;

-- Everybody who matches, in order, without a cap: for what is done to all of them inside the database.
CREATE FUNCTION matching_candidates(filters jsonb, sort text, descending boolean)
RETURNS TABLE (id bigint) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    c record;
    s record;
    direction constant text := CASE WHEN descending THEN 'DESC' ELSE 'ASC' END;
BEGIN
    c := candidate_condition(filters);
    s := candidate_sort(sort);
    RETURN QUERY EXECUTE format('SELECT c.id FROM candidates c WHERE %s ORDER BY %s, %s %s, c.id %4$s',
                                c.everything, s.blank, s.col, direction);
END $$;

-- Remove a person and everything that tells of one. What was paid and what was counted stays, without a name.
-- Refuses with the constraint name candidate_in_live_run while a run still works on the person.
CREATE FUNCTION erase_candidate(wanted bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    org constant uuid := required_org();
    texts bytea[];
BEGIN
    PERFORM FROM candidates c WHERE c.org_id = org AND c.id = wanted FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM FROM run_items i JOIN runs r ON r.id = i.run_id
      WHERE i.org_id = org AND i.candidate_id = wanted AND i.state IN ('waiting', 'claimed', 'sent')
        AND r.state IN ('queued', 'running', 'paused', 'stopping');
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'candidate_in_live_run',
            MESSAGE = 'a run still works on this person';
    END IF;
    DELETE FROM overrides o USING screenings s
     WHERE o.screening_id = s.id AND s.org_id = org AND s.candidate_id = wanted;
    DELETE FROM screening_extras e USING screenings s
     WHERE e.screening_id = s.id AND s.org_id = org AND s.candidate_id = wanted;
    WITH gone AS (DELETE FROM screenings s WHERE s.org_id = org AND s.candidate_id = wanted RETURNING s.text_sha256)
    SELECT array_agg(DISTINCT text_sha256) INTO texts FROM gone;
    DELETE FROM screening_texts t WHERE t.org_id = org AND t.sha256 = ANY (texts)
       AND NOT EXISTS (SELECT FROM screenings s WHERE s.org_id = org AND s.text_sha256 = t.sha256);
    UPDATE run_items i SET candidate_id = NULL, reason = '', carried = NULL
     WHERE i.org_id = org AND i.candidate_id = wanted;
    DELETE FROM candidates c WHERE c.org_id = org AND c.id = wanted;
    RETURN true;
END $$;

-- Rights first: once a function is somebody else's, taking them away would only be a warning.
DO $$
DECLARE
    inner_function text;
    door text;
BEGIN
    FOREACH inner_function IN ARRAY ARRAY[
        'required_org()', 'candidate_condition(jsonb)', 'words_condition(text, tsquery, text[])',
        'texts_of(jsonb)', 'newest_verdicts(uuid)', 'candidate_sort(text)', 'expected_rows(text)', 'nearest_anchor(bigint, bigint)',
        'collect_block(text, text, boolean, bigint, int, bigint)',
        'walk_bounds(text, jsonb, boolean, search_anchors)',
        'walk_block(text, jsonb, text, boolean, search_anchors, int, int, int)',
        'open_search(bytea, boolean)',
        'lay_anchors(text, jsonb, text, boolean, searches, search_anchors, bigint)'] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', inner_function);
        EXECUTE format('ALTER FUNCTION %s OWNER TO sourcingx_definer', inner_function);
    END LOOP;
    FOREACH door IN ARRAY ARRAY[
        'search_candidates(jsonb, text, boolean, bigint, int, int)', 'count_candidates(jsonb, int)',
        'matching_candidates(jsonb, text, boolean)', 'erase_candidate(bigint)'] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', door);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO sourcingx_app', door);
        EXECUTE format('ALTER FUNCTION %s OWNER TO sourcingx_definer', door);
    END LOOP;
END $$;
