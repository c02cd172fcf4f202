-- A block of the grid comes whole out of the function that finds it (docs/decisions/search.md, One message a block).
--
-- Before, the functions gave ids and each row was fetched again by its id, through row security and in no order of
-- the disk: half of the time that a block took.

DROP FUNCTION search_candidates(jsonb, text, boolean, bigint, int, int);
DROP FUNCTION collect_block(text, text, boolean, bigint, int, bigint);
DROP FUNCTION walk_block(text, jsonb, text, boolean, search_anchors, int, int, int);

-- What the grid shows of a person, in the order of services.db.candidates.CandidateListing.
CREATE FUNCTION listing(c candidates) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_array(c.id, c.full_name, c.title, c.company, c.location, c.role_start, c.industry_months,
                            c.email <> '', c.enrichment, c.source, c.created_at, c.updated_at);

-- Fetch every match, sort, cut: right for short results, and always complete. Whoever passes a limit gets
-- no people and a total above it if there are more matches than that.
CREATE FUNCTION collect_block(condition text, sort text, descending boolean, first bigint, size int, most bigint,
                              OUT people json[], OUT total bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    s record;
    direction constant text := CASE WHEN descending THEN 'DESC' ELSE 'ASC' END;
BEGIN
    s := candidate_sort(sort);
    EXECUTE format(
        'WITH found AS MATERIALIZED (SELECT c.id, %1$s AS key, %2$s AS is_blank FROM candidates c WHERE %3$s LIMIT $3)
         SELECT n.total, CASE WHEN n.total < $3 THEN
                  ARRAY(SELECT listing(c)
                          FROM (SELECT * FROM found ORDER BY is_blank, key %4$s, id %4$s OFFSET $1 LIMIT $2) b
                          JOIN candidates c ON c.id = b.id
                         ORDER BY b.is_blank, b.key %4$s, b.id %4$s) END
           FROM (SELECT count(*) AS total FROM found) n',
        s.col, s.blank, condition, direction)
    INTO total, people USING first, size, most + 1;
END $$;

-- Walk along the sort's index and keep what matches: right for long results, whose next match is near.
-- Gives up (fewer people than asked for) after `most` rows without enough matches. The planner may not sort:
-- it would read all `most` rows first.
CREATE FUNCTION walk_block(condition text, about jsonb, sort text, descending boolean, anchor search_anchors,
                           skip int, size int, most int, OUT people json[], OUT last_key text)
LANGUAGE plpgsql STABLE SET enable_sort = off SET enable_bitmapscan = off SET enable_seqscan = off AS $$
DECLARE
    s record;
    bounds record;
    direction constant text := CASE WHEN descending THEN 'DESC' ELSE 'ASC' END;
    wanted constant int := skip + size;
    keys text[] := '{}';
    more json[];
BEGIN
    s := candidate_sort(sort);
    bounds := walk_bounds(sort, about, descending, anchor);
    people := '{}';
    IF bounds.known IS NOT NULL THEN
        EXECUTE format(
            'SELECT coalesce(array_agg(w.person), ''{}''), coalesce(array_agg(w.key), ''{}'') FROM (
               SELECT listing(c) AS person, %1$s::text AS key FROM (
                 SELECT c.* FROM candidates c WHERE %2$s ORDER BY %1$s %3$s, c.id %3$s LIMIT %4$s) c
                WHERE %5$s LIMIT %6$s) w',
            s.col, bounds.known, direction, most, condition, wanted)
        INTO people, keys;
    END IF;
    IF cardinality(people) < wanted AND bounds.blank IS NOT NULL THEN
        EXECUTE format(
            'SELECT coalesce(array_agg(w.person), ''{}'') FROM (
               SELECT listing(c) AS person FROM (
                 SELECT c.* FROM candidates c WHERE %1$s ORDER BY %2$s %3$s, c.id %3$s LIMIT %4$s) c
                WHERE %5$s LIMIT %6$s) w',
            bounds.blank, s.col, direction, most, condition, wanted - cardinality(people))
        INTO more;
        people := people || more;
    END IF;
    last_key := keys[cardinality(people)];
    people := people[skip + 1 : wanted];
END $$;

-- One block of people in order, as rows of listing(). `total` is exact or the planner's expectation; count_candidates says better.
-- Results of up to `always_sorted` people are never walked.
CREATE FUNCTION search_candidates(filters jsonb, sort text, descending boolean, first bigint, size int,
                                  always_sorted int DEFAULT 2000,
                                  OUT people json, OUT total bigint, OUT total_is_exact boolean)
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
    block json[];
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
        SELECT b.people, b.total, true INTO block, total, total_is_exact
          FROM collect_block(c.everything, sort, descending, first, size, never_sorted) b;
        IF block IS NOT NULL THEN
            people := array_to_json(block);
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
        people := '[]';
        total := search.total;
        total_is_exact := true;
        RETURN;
    END IF;

    walked := walk_block(c.everything, c.about, sort, descending, anchor,
                         (first - coalesce(anchor.place, 0))::int, size, walked_at_once);
    block := walked.people;
    IF cardinality(block) < least(size, coalesce(search.total - first, size)) THEN
        SELECT b.people, b.total, true INTO block, total, total_is_exact
          FROM collect_block(c.everything, sort, descending, first, size, 1000000000) b;
        UPDATE searches t SET total = search_candidates.total WHERE t.id = search.id;
        people := array_to_json(block);
        RETURN;
    END IF;
    IF cardinality(block) = size AND search.total IS NULL THEN
        INSERT INTO search_anchors (org_id, search_id, place, key, id)
        VALUES (search.org_id, search.id, first + size, walked.last_key, (block[size] ->> 0)::bigint)
            ON CONFLICT ON CONSTRAINT search_anchors_pkey DO NOTHING;
    END IF;
    total := coalesce(search.total, greatest(expected, first + cardinality(block)));
    total_is_exact := search.total IS NOT NULL;
    people := array_to_json(block);
END $$;

-- Rights first: once a function is somebody else's, taking them away would only be a warning.
DO $$
DECLARE
    mine text;
BEGIN
    FOREACH mine IN ARRAY ARRAY[
        'listing(candidates)', 'collect_block(text, text, boolean, bigint, int, bigint)',
        'walk_block(text, jsonb, text, boolean, search_anchors, int, int, int)',
        'search_candidates(jsonb, text, boolean, bigint, int, int)'] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', mine);
    END LOOP;
    GRANT EXECUTE ON FUNCTION search_candidates(jsonb, text, boolean, bigint, int, int) TO sourcingx_app;
    FOREACH mine IN ARRAY ARRAY[
        'listing(candidates)', 'collect_block(text, text, boolean, bigint, int, bigint)',
        'walk_block(text, jsonb, text, boolean, search_anchors, int, int, int)',
        'search_candidates(jsonb, text, boolean, bigint, int, int)'] LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO sourcingx_definer', mine);
    END LOOP;
END $$;
