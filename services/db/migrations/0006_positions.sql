-- Positions: a revision, so that two people who edit one brief notice each other.

ALTER TABLE position_versions ADD COLUMN revision int NOT NULL DEFAULT 1;
CREATE INDEX positions_recent ON positions (org_id, created_at DESC) WHERE archived_at IS NULL;
