-- What people are told of runs that ended or came to rest, and what they have seen of it (docs/decisions/presence.md).

CREATE SEQUENCE run_news_numbers;

CREATE TABLE run_news (
    org_id   uuid NOT NULL REFERENCES organizations,
    user_id  uuid NOT NULL,
    run_id   uuid NOT NULL,
    number   bigint,
    event    text CHECK (event IN ('paused', 'succeeded', 'failed', 'stopped')),
    at       timestamptz,
    seen_at  timestamptz,
    PRIMARY KEY (run_id, user_id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id),
    FOREIGN KEY (org_id, run_id) REFERENCES runs (org_id, id) ON DELETE CASCADE,
    CHECK ((event IS NULL) = (number IS NULL) AND (event IS NULL) = (at IS NULL)),
    CHECK (event IS NOT NULL OR seen_at IS NULL)
);
COMMENT ON TABLE run_news IS 'one row for each run and each person who is told of it; without an event there is no news yet';
COMMENT ON COLUMN run_news.number IS 'rises with each piece of news';
CREATE INDEX run_news_latest ON run_news (org_id, user_id, number DESC) WHERE number IS NOT NULL;
CREATE INDEX run_news_unseen ON run_news (org_id, user_id, number DESC) WHERE number IS NOT NULL AND seen_at IS NULL;

ALTER TABLE run_news ENABLE ROW LEVEL SECURITY;
ALTER TABLE run_news FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON run_news TO sourcingx_app
    USING (org_id = (SELECT current_org())) WITH CHECK (org_id = (SELECT current_org()));
CREATE POLICY definer ON run_news TO sourcingx_definer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON run_news TO sourcingx_app, sourcingx_definer;
GRANT USAGE ON SEQUENCE run_news_numbers TO sourcingx_app, sourcingx_definer;

-- Whoever started a run is told of its end and of a pause, and so is everybody who asked to be. Who did it by hand has
-- seen it. While a run goes on there is no news of it.
CREATE FUNCTION tell_of_run() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    done_by uuid := CASE WHEN NEW.state = 'stopped' THEN NEW.stop_requested_by
                         WHEN NEW.pause_reason = 'user' THEN current_actor() END;
BEGIN
    IF NEW.state IN ('paused', 'succeeded', 'failed', 'stopped') THEN
        INSERT INTO run_news (org_id, user_id, run_id) VALUES (NEW.org_id, NEW.user_id, NEW.id)
        ON CONFLICT (run_id, user_id) DO NOTHING;
        UPDATE run_news n
           SET event = NEW.state, number = nextval('run_news_numbers'), at = clock_timestamp(),
               seen_at = CASE WHEN n.user_id = done_by THEN clock_timestamp() END
         WHERE n.run_id = NEW.id;
    ELSE
        UPDATE run_news n SET event = NULL, number = NULL, at = NULL, seen_at = NULL
         WHERE n.run_id = NEW.id AND n.event IS NOT NULL;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER run_news_told AFTER UPDATE OF state ON runs
    FOR EACH ROW WHEN (NEW.state IS DISTINCT FROM OLD.state) EXECUTE FUNCTION tell_of_run();

-- The runs page of one person, the runs of nobody's in particular, and what has not ended.
CREATE INDEX runs_of_user ON runs (org_id, user_id, created_at DESC, id DESC);
CREATE INDEX runs_unfinished ON runs (org_id, created_at) WHERE finished_at IS NULL;
