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

QUOTAS = "quotas"
QUOTA_TABLE = "quota-table"
QUOTA_HOLDER = "quota-holder"
QUOTA_WHAT = "quota-what"
QUOTA_CAP = "quota-cap"
QUOTA_SAVE = "quota-save"
ADMIN_PAGE = "admin-page"
ADMIN_MEMBERS = "admin-members"
ADMIN_INVITE_EMAIL = "admin-invite-email"
ADMIN_INVITE_NAME = "admin-invite-name"
ADMIN_INVITE_ROLE = "admin-invite-role"
ADMIN_INVITE = "admin-invite"
ADMIN_LINK = "admin-link"
ADMIN_CHANGED = "admin-changed"
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
POSITION_ARCHIVE = "position-archive"  # this and some more are named in assets/unsaved.js as well
POSITION_RESTORE = "position-restore"
POSITION_HISTORY = "position-history"
POSITION_SEEN = "position-seen"
POSITION_SAVED = "position-saved"
POSITION_FORM = "position-form"
POSITION_BODY = "position-body"
POSITION_LEAVE = "position-leave"
POSITION_LEAVE_ANYWAY = "position-leave-anyway"

# Usage -------------------------------------------------------------------------------------------------

USAGE_QUESTION = "usage-question"
USAGE_FROM = "usage-from"
USAGE_UNTIL = "usage-until"
USAGE_PERSON = "usage-person"
USAGE_PROVIDER = "usage-provider"
USAGE_REPORT = "usage-report"
USAGE_CSV = "usage-csv"

# Screening ---------------------------------------------------------------------------------------------

SCREENING_VIEW = "screening-view"
SCREENING_HEAD = "screening-head"
SCREENING_POSITION = "screening-position"
SCREENING_LIST = "screening-list"
SCREENING_ORDER = "screening-order"
SCREENING_WHICH = "screening-which"
SCREENING_MOST = "screening-most"
SCREENING_EXTRAS = "screening-extras"
SCREENING_CAP = "screening-cap"
SCREENING_QUOTE = "screening-quote"
SCREENING_OUTAGE = "screening-outage"
SCREENING_START = "screening-start"
SCREENING_FORM = "screening-form"
SCREENING_QUOTED = "screening-quoted"
SCREENING_PRESSED = "screening-pressed"  # these and the open one are written by assets/triage.js as well
SCREENING_REASONED = "screening-reasoned"
SCREENING_BODY = "screening-body"
SCREENING_RUN = "screening-run"
SCREENING_PANES = "screening-panes"
SCREENING_TICK = "screening-tick"
SCREENING_SEEN = "screening-seen"
SCREENING_CHANGED = "screening-changed"
SCREENING_RESULTS = "screening-results"
SCREENING_OPEN = "screening-open"
SCREENING_CARD = "screening-card"
SCREENING_DECISION = "screening-decision"
SCREENING_LAST = "screening-last"
SCREENING_UNDO = "screening-undo"


# Candidates --------------------------------------------------------------------------------------------

CANDIDATES_GRID = "candidates-grid"
CANDIDATES_VIEW = "candidates-view"
CANDIDATES_CAME_BACK = "candidates-came-back"
CANDIDATES_CHOSEN = "candidates-chosen"
CANDIDATES_COUNT = "candidates-count"
CANDIDATES_COUNT_LINE = "candidates-count-line"
CANDIDATES_EMPTY = "candidates-empty"
CANDIDATES_CHIPS = "candidates-chips"
CANDIDATES_TEXT = "candidates-text"
CANDIDATES_TEXT_PROBLEM = "candidates-text-problem"
CANDIDATES_FILTERS = "candidates-filters"
CANDIDATES_NAME = "candidates-name"
CANDIDATES_TITLE = "candidates-title"
CANDIDATES_COMPANY = "candidates-company"
CANDIDATES_LOCATION = "candidates-location"
CANDIDATES_HAS_EMAIL = "candidates-has-email"
CANDIDATES_ENRICHMENT = "candidates-enrichment"
CANDIDATES_FRESHNESS = "candidates-freshness"
CANDIDATES_SOURCE = "candidates-source"
CANDIDATES_LIST = "candidates-list"
CANDIDATES_YEARS_FROM = "candidates-years-from"
CANDIDATES_YEARS_UNTIL = "candidates-years-until"
CANDIDATES_ADDED_FROM = "candidates-added-from"
CANDIDATES_ADDED_UNTIL = "candidates-added-until"
CANDIDATES_CLEAR = "candidates-clear"
CANDIDATES_REFRESH = "candidates-refresh"
CANDIDATES_EXPORT = "candidates-export"
CANDIDATES_BULK = "candidates-bulk"
CANDIDATES_BULK_WORDS = "candidates-bulk-words"
CANDIDATES_CHOOSE_ALL = "candidates-choose-all"
CANDIDATES_CHOOSE_NONE = "candidates-choose-none"
CANDIDATES_LIST_NAME = "candidates-list-name"
CANDIDATES_LIST_NAMES = "candidates-list-names"
CANDIDATES_ADD = "candidates-add"
CANDIDATES_ADD_AND_SCREEN = "candidates-add-and-screen"
CANDIDATES_PERSON = "candidates-person"
CANDIDATES_PANEL = "candidates-panel"
CANDIDATES_PANEL_BODY = "candidates-panel-body"
CANDIDATES_PANEL_CLOSE = "candidates-panel-close"
CANDIDATES_PAYLOAD = "candidates-payload"
CANDIDATES_PAYLOAD_SHOW = "candidates-payload-show"
CANDIDATES_DELETE = "candidates-delete"
CANDIDATES_DELETE_SURE = "candidates-delete-sure"
CANDIDATES_PERSON_LINK = "candidates-person-link"


def candidates_chip(part: str) -> dict[str, str]:
    """The button that takes one part of the view away; `part` is one pair of its query string."""
    return {"type": "candidates-chip", "part": part}


# Imports -----------------------------------------------------------------------------------------------

IMPORTS_DROP = "imports-drop"  # these four are named in assets/uploads.js as well
IMPORTS_CHOOSE = "imports-choose"
IMPORTS_UPLOAD_STATUS = "imports-upload-status"
IMPORTS_UPLOAD_PROGRESS = "imports-upload-progress"
IMPORTS_LIMIT = "imports-limit"
IMPORTS_RECENT = "imports-recent"
IMPORT_OPEN = "import-open"
IMPORT_BODY = "import-body"
IMPORT_FORM = "import-form"
IMPORT_BUSY = "import-busy"
IMPORT_WORKING = "import-working"
IMPORT_LIST = "import-list"
IMPORT_LIST_NAMES = "import-list-names"
IMPORT_START = "import-start"
IMPORT_DISCARD = "import-discard"


def import_column(target: str) -> dict[str, str]:
    """The choice of the column that feeds one target."""
    return {"type": "import-column", "target": target}


def import_samples(target: str) -> dict[str, str]:
    """Some cells of the column that feeds one target."""
    return {"type": "import-samples", "target": target}


# Lists -------------------------------------------------------------------------------------------------

LISTS_SHOWN = "lists-shown"
LISTS_TABLE = "lists-table"
LISTS_TEXT = "lists-text"
LISTS_NAME = "lists-name"
LISTS_CREATE = "lists-create"
LIST_OPEN = "list-open"
LIST_BODY = "list-body"
LIST_NAME = "list-name"
LIST_RENAME = "list-rename"
LIST_COPY = "list-copy"
LIST_ARCHIVE = "list-archive"
LIST_RESTORE = "list-restore"


# Runs --------------------------------------------------------------------------------------------------

RUNS_DRIVE = "runs-drive"
RUNS_DRIVEN = "runs-driven"
RUNS_QUESTION = "runs-question"
RUNS_TABLE = "runs-table"
RUNS_TICK = "runs-tick"
RUN_QUESTION = "run-question"
RUN_BODY = "run-body"
RUN_ITEMS = "run-items"
RUN_RECEIPT = "run-receipt"
RUN_EVENTS = "run-events"


def run_view(run_id: str) -> dict[str, str]:
    """Where a panel shows how far its run is."""
    return {"type": "run-view", "run": run_id}


def run_tick(run_id: str) -> dict[str, str]:
    """What makes a panel look again."""
    return {"type": "run-tick", "run": run_id}


def run_seen(run_id: str) -> dict[str, str]:
    """A stamp of what a panel shows, so that a look without news changes nothing."""
    return {"type": "run-seen", "run": run_id}


def run_state(run_id: str) -> dict[str, str]:
    """The state of a panel's run, for those who only care when that changes."""
    return {"type": "run-state", "run": run_id}


def run_cap(run_id: str) -> dict[str, str]:
    return {"type": "run-cap", "run": run_id, "of": "resume"}


def run_act(run_id: str, act: str) -> dict[str, str]:
    """A button that makes a run "stop", "pause", "resume" or "retry"."""
    return {"type": "run-act", "run": run_id, "act": act}


# Status ------------------------------------------------------------------------------------------------

STATUS_TICK = "status-tick"
STATUS_REPORT = "status-report"
