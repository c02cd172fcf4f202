-- name: set_share
-- Set the weight of an organization or of one of its users; false if there is no such user.
SELECT set_share(%(org_id)s, %(email)s, %(share)s::real)

-- name: shares_of
-- The weight of a user within the organization, and of the organization among others.
SELECT u.share, o.share FROM users u JOIN organizations o ON o.id = u.org_id WHERE u.id = %(user_id)s
