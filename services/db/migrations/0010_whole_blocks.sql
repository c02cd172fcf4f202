-- A block of the grid comes whole out of the function that finds it (docs/decisions/search.md, One message a block).
--
-- Before, the functions gave ids and each row was fetched again by its id, through row security and in no order of
-- the disk: half of the time that a block took.

DROP FUNCTION search_candidates(jsonb, text, boolean, bigint, int, int);
DROP FUNCTION collect_block(text, text, boolean, bigint, int, bigint);
DROP FUNCTION walk_block(text, jsonb, text, boolean, search_anchors, int, int, int);

-- What the grid shows of a person `c`, in the order of services.db.candidates.CandidateListing: one text, whose parts
-- stand between unit separators. It is put into queries as text, because to inline a function costs planning time in
-- each of them. No text of a person may hold that sign: reading takes it for a blank, and here it is refused.
CREATE FUNCTION listing() RETURNS text LANGUAGE sql IMMUTABLE RETURN
    'concat_ws(E''\x1f'', c.id, c.full_name, c.title, c.company, c.location, coalesce(c.role_start::text, ''''),
               coalesce(c.industry_months::text, ''''), (c.email <> '''')::text, c.enrichment, c.source,
               (c.created_at AT TIME ZONE ''UTC'')::date, (c.updated_at AT TIME ZONE ''UTC'')::date)';
ALTER TABLE candidates ADD CONSTRAINT candidate_texts_have_no_separator
    CHECK (strpos(full_name || title || company || location || source, E'\x1f') = 0) NOT VALID;

-- Fetch every match, sort, cut: right for short results, and always complete. Whoever passes a limit gets
-- no people and a total above it if there are more matches than that. A `few` matches are sorted as whole rows, which
-- is planned in half the time; many by their keys, of which more fit into memory.
CREATE FUNCTION collect_block(condition text, sort text, descending boolean, first bigint, size int, most bigint,
                              few boolean, OUT people text[], OUT total bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    s record;
    direction constant text := CASE WHEN descending THEN 'DESC' ELSE 'ASC' END;
BEGIN
    s := candidate_sort(sort);
    IF few THEN
        EXECUTE format(
            'SELECT max(w.total), array_agg(w.person)
               FROM (SELECT count(*) OVER () AS total, %5$s AS person
                       FROM (SELECT c.* FROM candidates c WHERE %3$s LIMIT $3) c
                      ORDER BY %2$s, %1$s %4$s, c.id %4$s OFFSET $1 LIMIT $2) w',
            s.col, s.blank, condition, direction, listing())
        INTO total, people USING first, size, most + 1;
        -- Behind the last match no row is left to tell the total.
        IF total <= most OR (total IS NULL AND first = 0) THEN
            total := coalesce(total, 0);
            people := coalesce(people, '{}');
            RETURN;
        END IF;
    END IF;
    EXECUTE format(
        'WITH found AS MATERIALIZED (SELECT c.id, %1$s AS key, %2$s AS is_blank FROM candidates c WHERE %3$s LIMIT $3)
         SELECT n.total, CASE WHEN n.total < $3 THEN
                  (SELECT coalesce(array_agg(%5$s ORDER BY b.is_blank, b.key %4$s, b.id %4$s), ''{}'')
                     FROM (SELECT * FROM found ORDER BY is_blank, key %4$s, id %4$s OFFSET $1 LIMIT $2) b
                     JOIN candidates c ON c.id = b.id) END
           FROM (SELECT count(*) AS total FROM found) n',
        s.col, s.blank, condition, direction, listing())
    INTO total, people USING first, size, most + 1;
END $$;

-- Everybody in order, without any filter, is what people look at most, and planning is the dearest part of it. So there
-- is one function for each order and direction, whose plans PostgreSQL keeps: from the first who has a value in the
-- column, or from behind a row. `last_key` is the column's value in the last row.
SET LOCAL ROLE sourcingx_definer;
DO $$
DECLARE
    sort text;
    direction text;
    s record;
BEGIN
    FOREACH sort IN ARRAY ARRAY['name', 'title', 'company', 'location', 'experience', 'added', 'updated'] LOOP
        s := candidate_sort(sort);
        FOREACH direction IN ARRAY ARRAY['ASC', 'DESC'] LOOP
            EXECUTE format(
                'CREATE FUNCTION everybody_by_%1$s_%2$s(org uuid, key %3$s, behind bigint, wanted int,
                                                        OUT people text[], OUT last_key text)
                 LANGUAGE plpgsql STABLE SET enable_sort = off SET enable_bitmapscan = off SET enable_seqscan = off AS $f$
                 BEGIN
                     IF behind IS NULL THEN
                         SELECT array_agg(w.person), (array_agg(w.key))[count(*)] INTO people, last_key
                           FROM (SELECT %4$s AS person, %5$s::text AS key FROM candidates c
                                  WHERE c.org_id = org AND %6$s ORDER BY %5$s %2$s, c.id %2$s LIMIT wanted) w;
                     ELSE
                         SELECT array_agg(w.person), (array_agg(w.key))[count(*)] INTO people, last_key
                           FROM (SELECT %4$s AS person, %5$s::text AS key FROM candidates c
                                  WHERE c.org_id = org AND (%5$s, c.id) %7$s (key, behind)
                                    AND (%8$s) ORDER BY %5$s %2$s, c.id %2$s LIMIT wanted) w;
                     END IF;
                 END $f$',
                sort, direction, s.kind, listing(), s.col, s.known, CASE direction WHEN 'ASC' THEN '>' ELSE '<' END,
                -- Behind a row going up everybody has a value; going down, those without one come last.
                CASE direction WHEN 'ASC' THEN 'true' ELSE s.known END);
            EXECUTE format('REVOKE ALL ON FUNCTION everybody_by_%s_%s FROM PUBLIC', sort, direction);
        END LOOP;
    END LOOP;
END $$;
RESET ROLE;

-- Walk along the sort's index and keep what matches: right for long results, whose next match is near. Gives up (fewer
-- people than asked for) after `most` rows without enough matches; `most` is null where everybody matches. The planner
-- may not sort: it would read all `most` rows first. `last_key` is null where the last person has no value in the
-- sort's column.
CREATE FUNCTION walk_block(condition text, about jsonb, sort text, descending boolean, anchor search_anchors,
                           skip int, size int, most int, OUT people text[], OUT last_key text)
LANGUAGE plpgsql STABLE SET enable_sort = off SET enable_bitmapscan = off SET enable_seqscan = off AS $$
DECLARE
    s record;
    bounds record;
    bound text;
    direction constant text := CASE WHEN descending THEN 'DESC' ELSE 'ASC' END;
    walk constant text := 'SELECT array_agg(w.person), (array_agg(w.key))[count(*)]
                             FROM (SELECT %7$s AS person, %1$s::text AS key
                                     FROM (SELECT c.* FROM candidates c WHERE %2$s ORDER BY %1$s %3$s, c.id %3$s
                                            LIMIT %4$s) c
                                    WHERE %5$s LIMIT %6$s) w';
    lacking int;
    more text[];
BEGIN
    s := candidate_sort(sort);
    bounds := walk_bounds(sort, about, descending, anchor);
    people := '{}';
    FOREACH bound IN ARRAY ARRAY[bounds.known, bounds.blank] LOOP
        lacking := skip + size - cardinality(people);
        CONTINUE WHEN bound IS NULL OR lacking = 0;
        IF most IS NULL AND bound = bounds.known THEN
            EXECUTE format('SELECT * FROM everybody_by_%s_%s($1, %L, $2, $3)', sort, direction, anchor.key)
               INTO more, last_key USING required_org(), anchor.id, lacking;
        ELSE
            EXECUTE format(walk, s.col, bound, direction, coalesce(most, lacking), condition, lacking, listing())
               INTO more, last_key;
        END IF;
        people := people || more;
        last_key := CASE WHEN bound = bounds.known THEN last_key END;
    END LOOP;
    people := people[skip + 1 : skip + size];
END $$;

-- One block of people in order, as the parts of listing(). `total` is exact or the planner's expectation;
-- count_candidates says better. Results of up to `always_sorted` people are never walked.
CREATE FUNCTION search_candidates(filters jsonb, sort text, descending boolean, first bigint, size int,
                                  always_sorted int DEFAULT 2000,
                                  OUT people text, OUT total bigint, OUT total_is_exact boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
SET max_parallel_workers_per_gather = 0 AS $$
DECLARE
    few constant int := 1000;
    never_sorted constant int := 100000;
    walked_at_once constant int := 30000;
    reach constant int := 1000;
    c record;
    expected bigint;
    population bigint;
    search searches;
    anchor search_anchors;
    walked record;
    block text[];
    got int;
BEGIN
    IF first < 0 OR size NOT BETWEEN 1 AND 500 OR first > 100000000 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'no such block';
    END IF;
    c := candidate_condition(filters);
    expected := expected_rows(c.everything);
    -- Sorting reads every match; walking reads population / matches * size rows. Take what reads less.
    population := CASE WHEN expected > always_sorted AND c.everything <> c.scope THEN expected_rows(c.scope)
                       ELSE expected END;
    IF (CASE WHEN c.everything = c.scope THEN expected <= least(always_sorted, size)
             ELSE expected <= always_sorted OR expected::float * expected <= population::float * size END) THEN
        SELECT b.people, b.total, true INTO block, total, total_is_exact
          FROM collect_block(c.everything, sort, descending, first, size, never_sorted, expected <= few) b;
        IF block IS NOT NULL THEN
            people := array_to_string(block, E'\x1f');
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
        people := '';
        total := search.total;
        total_is_exact := true;
        RETURN;
    END IF;

    walked := walk_block(c.everything, c.about, sort, descending, anchor,
                         (first - coalesce(anchor.place, 0))::int, size,
                         CASE WHEN c.everything <> c.scope THEN walked_at_once END);
    block := walked.people;
    got := cardinality(block);
    IF got < least(size, coalesce(search.total - first, size)) THEN
        SELECT b.people, b.total, true INTO block, total, total_is_exact
          FROM collect_block(c.everything, sort, descending, first, size, 1000000000, false) b;
        UPDATE searches t SET total = search_candidates.total WHERE t.id = search.id;
        people := array_to_string(block, E'\x1f');
        RETURN;
    END IF;
    IF got = size AND search.total IS NULL THEN
        INSERT INTO search_anchors (org_id, search_id, place, key, id)
        VALUES (search.org_id, search.id, first + size, walked.last_key, split_part(block[size], E'\x1f', 1)::bigint)
            ON CONFLICT ON CONSTRAINT search_anchors_pkey DO NOTHING;
    END IF;
    total := coalesce(search.total, greatest(expected, first + got));
    total_is_exact := search.total IS NOT NULL;
    people := array_to_string(block, E'\x1f');
END $$;

-- Rights first: once a function is somebody else's, taking them away would only be a warning.
DO $$
DECLARE
    mine text;
BEGIN
    FOREACH mine IN ARRAY ARRAY[
        'listing()', 'collect_block(text, text, boolean, bigint, int, bigint, boolean)',
        'walk_block(text, jsonb, text, boolean, search_anchors, int, int, int)',
        'search_candidates(jsonb, text, boolean, bigint, int, int)'] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', mine);
    END LOOP;
    GRANT EXECUTE ON FUNCTION search_candidates(jsonb, text, boolean, bigint, int, int) TO sourcingx_app;
    FOREACH mine IN ARRAY ARRAY[
        'listing()', 'collect_block(text, text, boolean, bigint, int, bigint, boolean)',
        'walk_block(text, jsonb, text, boolean, search_anchors, int, int, int)',
        'search_candidates(jsonb, text, boolean, bigint, int, int)'] LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO sourcingx_definer', mine);
    END LOOP;
END $$;
