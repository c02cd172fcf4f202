-- What may be cleared by age, and what the sweeper did; the engine's doors.

-- name: clear_expired
-- Clear one kind of row that ended long ago, at most so many.
SELECT clear_expired(%(what)s, make_interval(secs => %(age_seconds)s), %(most)s)

-- name: give_up_uploads
-- Give up uploads that nobody imported; the names of their files.
SELECT name FROM give_up_uploads(make_interval(secs => %(age_seconds)s), %(most)s) AS name

-- name: files_of_uploads
-- Which of these files an upload still names.
SELECT name FROM files_of_uploads(%(names)s) AS name

-- name: note_deeds
-- Count what the leading sweeper did.
SELECT note_deeds(%(fence)s, %(deeds)s)

-- name: note_round
-- A round of housekeeping has ended, and what it could not do.
SELECT note_round(%(fence)s, %(trouble)s)

-- name: resumed_among
-- How many of these drives take up a run that was driven before.
SELECT resumed_among(%(drive_ids)s)
