"""Every component id; PAGE_THING constants, and functions for ids with a pattern."""

# Shell: around every page ------------------------------------------------------------------------------

ADDRESS = "_pages_location"  # Dash's own name for the address of the page
NOTICE = "shell-notice"
NOTICES = "shell-notices"
THEME = "shell-theme"
THEME_TOGGLE = "shell-theme-toggle"
MENU = "shell-menu"
MENU_TOGGLE = "shell-menu-toggle"
MAIN = "main"
SHORTCUTS = "shell-shortcuts"

# Home --------------------------------------------------------------------------------------------------

HOME_NEXT = "home-next"

# Account -----------------------------------------------------------------------------------------------

ACCOUNT_FACTS = "account-facts"
ACCOUNT_FORMS = "account-forms"

# Admin -------------------------------------------------------------------------------------------------

ADMIN_MEMBERS = "admin-members"
ADMIN_INVITE_EMAIL = "admin-invite-email"
ADMIN_INVITE_NAME = "admin-invite-name"
ADMIN_INVITE_ROLE = "admin-invite-role"
ADMIN_INVITE = "admin-invite"
ADMIN_LINK = "admin-link"
ADMIN_CHANGED = "admin-changed"
ADMIN_SETTINGS = "admin-settings"
ADMIN_ORGANIZATION_NAME = "admin-organization-name"
ADMIN_TIME_ZONE = "admin-time-zone"
ADMIN_RUN_CAP = "admin-run-cap"
ADMIN_OVERRIDE_REASONS = "admin-override-reasons"
ADMIN_SAVE_SETTINGS = "admin-save-settings"
ADMIN_HISTORY = "admin-history"
ADMIN_HISTORY_OLDER = "admin-history-older"
ADMIN_HISTORY_OLDEST = "admin-history-oldest"


def admin_role(user_id: str) -> dict[str, str]:
    """The role of one user in the table."""
    return {"type": "admin-role", "user": user_id}


def admin_active(user_id: str, make: str) -> dict[str, str]:
    """The button that makes one user "active" or "inactive"."""
    return {"type": "admin-active", "user": user_id, "make": make}


def admin_password_link(user_id: str) -> dict[str, str]:
    """The button that makes one user a link to set a password."""
    return {"type": "admin-password-link", "user": user_id}


# Positions ---------------------------------------------------------------------------------------------

POSITIONS_TABLE = "positions-table"
POSITIONS_SHOWN = "positions-shown"
POSITION_OPEN = "position-open"
POSITION_HEAD = "position-head"
POSITION_TITLE = "position-title"
POSITION_ROLE = "position-role"
POSITION_MUST = "position-must"
POSITION_NICE = "position-nice"
POSITION_EXCLUDE = "position-exclude"
POSITION_CRITERIA = "position-criteria"
POSITION_SAVE = "position-save"
POSITION_APPROVE = "position-approve"
POSITION_ARCHIVE = "position-archive"
POSITION_HISTORY = "position-history"
POSITION_SEEN = "position-seen"
POSITION_FORM = "position-form"

# Usage -------------------------------------------------------------------------------------------------

USAGE_QUESTION = "usage-question"
USAGE_FROM = "usage-from"
USAGE_UNTIL = "usage-until"
USAGE_PERSON = "usage-person"
USAGE_PROVIDER = "usage-provider"
USAGE_REPORT = "usage-report"
USAGE_CSV = "usage-csv"
