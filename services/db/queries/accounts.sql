-- name: count_sign_in
-- Count an attempt for the address typed; the seconds to wait, 0 if it may go on.
SELECT count_sign_in(%(email_hash)s, %(free)s, %(lock_seconds)s, %(longest_seconds)s)

-- name: account_for_sign_in
-- What is needed to check a password; no row if nobody has this address.
SELECT id, password_hash, is_active FROM account_for_sign_in(%(email)s)

-- name: open_session
-- Begin a session and forget the attempts before it.
SELECT open_session(%(user_id)s, %(secret_hash)s, %(email_hash)s)

-- name: live_session
-- Who a request belongs to, if its session still lives.
SELECT * FROM live_session(%(secret_hash)s, %(idle_seconds)s, %(active)s)

-- name: end_session
-- Sign out one browser.
SELECT end_session(%(secret_hash)s)

-- name: open_link
-- Whose one-time link this is, as long as it may be used.
SELECT user_id, name, email, org_name FROM open_link(%(secret_hash)s, %(purpose)s)

-- name: redeem_link
-- Use a one-time link up and set the password; null if it was used, expired or never existed.
SELECT redeem_link(%(secret_hash)s, %(purpose)s, %(password_hash)s)

-- name: create_organization
-- A new organization, from the command line.
SELECT create_organization(%(name)s, %(is_demo)s)

-- name: find_organization
-- An organization's id by its name, from the command line.
SELECT find_organization(%(name)s)

-- name: create_user
-- A new user, from the command line.
SELECT create_user(%(org_id)s, %(email)s, %(name)s, %(role)s, %(is_operator)s, %(password_hash)s)

-- name: active_user
-- The user who acts on the command line, by address.
SELECT * FROM active_user(%(email)s)

-- name: set_password
-- A user's own new password; every session of theirs ends.
UPDATE users SET password_hash = %(password_hash)s, session_version = session_version + 1 WHERE id = %(user_id)s

-- name: bump_session_version
-- End every session of a user.
UPDATE users SET session_version = session_version + 1 WHERE id = %(user_id)s

-- name: merge_preferences
-- Keep small choices of a user, such as the theme.
UPDATE users SET preferences = preferences || %(preferences)s WHERE id = %(user_id)s

-- name: count_sessions
-- In how many browsers a user is signed in.
SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id AND u.session_version = s.session_version
 WHERE s.user_id = %(user_id)s AND s.active_at > now() - make_interval(secs => %(idle_seconds)s)

-- name: list_members
-- The organization's users, newest link included, a page at a time.
SELECT u.id, u.name, u.email, u.role, u.is_active, u.last_seen_at, u.created_at,
       EXISTS (SELECT 1 FROM one_time_links l WHERE l.user_id = u.id AND l.purpose = 'invite'
                  AND l.used_at IS NULL AND l.expires_at > now()) AS is_invited
  FROM users u
 ORDER BY u.is_active DESC, lower(u.name), u.id
 LIMIT %(limit)s OFFSET %(offset)s

-- name: names_of
-- Those of these users who may sign in, by name.
SELECT id, name FROM users WHERE id = ANY (%(user_ids)s) AND is_active

-- name: find_member
-- One user of the organization, held until the end of the transaction.
SELECT id, name, email, role, is_active, last_seen_at, created_at, false AS is_invited
  FROM users WHERE id = %(user_id)s FOR NO KEY UPDATE

-- name: insert_member
-- A user who has been invited and has no password yet.
INSERT INTO users (org_id, email, name, role) VALUES (current_org(), %(email)s, %(name)s, %(role)s) RETURNING id

-- name: set_role
UPDATE users SET role = %(role)s WHERE id = %(user_id)s

-- name: set_active
-- Deactivate or reactivate; sessions from before never come back to life.
UPDATE users SET is_active = %(is_active)s, session_version = session_version + 1 WHERE id = %(user_id)s

-- name: withdraw_links
-- Unused links of a user stop working when a newer one is made.
DELETE FROM one_time_links WHERE user_id = %(user_id)s AND used_at IS NULL

-- name: insert_link
INSERT INTO one_time_links (secret_hash, org_id, user_id, purpose, created_by, expires_at)
VALUES (%(secret_hash)s, current_org(), %(user_id)s, %(purpose)s, current_actor(),
        now() + make_interval(hours => %(hours)s))

-- name: organization
-- The organization of this transaction.
SELECT name, settings FROM organizations WHERE id = current_org()

-- name: update_organization
UPDATE organizations SET name = %(name)s, settings = settings || %(settings)s WHERE id = current_org()

-- name: insert_audit_event
-- Note what somebody did; ids and facts only.
INSERT INTO audit_events (org_id, user_id, action, object, detail)
VALUES (current_org(), current_actor(), %(action)s, %(object)s, %(detail)s)

-- name: list_audit_events
-- What was done lately, with the names of today, a page at a time by falling id.
SELECT a.id, a.at, a.action, a.object, a.detail, coalesce(u.name, '') AS who,
       coalesce((SELECT t.name FROM users t WHERE a.object = 'user:' || t.id), '') AS whom
  FROM audit_events a LEFT JOIN users u ON u.id = a.user_id
 WHERE a.id < %(before)s
 ORDER BY a.id DESC LIMIT %(limit)s

-- name: starter_of_run
-- The e-mail address of whoever started a run.
SELECT starter_of_run(%(run_id)s)

-- name: all_organizations
SELECT id, name FROM all_organizations()
