"""The environment, read once into one frozen record; nothing else reads it."""

import contextlib
import os
import secrets
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

ProviderName = Literal["openai", "crustdata", "salesql", "phantombuster", "sheets"]
ProviderMode = Literal["live", "simulated", "not connected"]

PROVIDERS: tuple[ProviderName, ...] = ("openai", "crustdata", "salesql", "phantombuster", "sheets")
LIVE_BASE_URLS: dict[ProviderName, str] = {
    "openai": "https://api.openai.com/v1",
    "crustdata": "https://api.crustdata.com",
    "salesql": "https://api-public.salesql.com/v1",
    "phantombuster": "https://api.phantombuster.com/api/v2",
    "sheets": "https://sheets.googleapis.com",
}
SIMULATED_PATHS: dict[ProviderName, str] = {
    "openai": "/openai/v1",
    "crustdata": "/crustdata",
    "salesql": "/salesql",
    "phantombuster": "/phantombuster",
    "sheets": "/sheets",
}


class Settings(BaseSettings):
    """Every setting of an installation; README lists each one with its meaning."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        str_strip_whitespace=True,
        env_ignore_empty=True,
    )

    port: int = Field(8050, validation_alias="PORT", ge=1, le=65535)
    bind: str = Field("127.0.0.1", validation_alias="BIND")
    home: Path = Field(Path("var"), validation_alias="SOURCINGX_HOME")
    files: Path | None = Field(None, validation_alias="SOURCINGX_FILES")
    database_url: SecretStr | None = Field(None, validation_alias="DATABASE_URL")
    database_owner_url: SecretStr | None = Field(None, validation_alias="DATABASE_OWNER_URL")
    embedded_postgres: Literal["16", "18"] = Field("18", validation_alias="EMBEDDED_POSTGRES")
    redis_url: SecretStr | None = Field(None, validation_alias="REDIS_URL")
    secret_key_text: SecretStr | None = Field(None, validation_alias="SECRET_KEY")
    web_concurrency: int = Field(2, validation_alias="WEB_CONCURRENCY", ge=1, le=64)
    https: bool = Field(False, validation_alias="HTTPS")
    trusted_proxies: int = Field(0, validation_alias="TRUSTED_PROXIES", ge=0, le=5)
    session_idle_hours: float = Field(12, validation_alias="SESSION_IDLE_HOURS", gt=0)
    metrics_token: SecretStr | None = Field(None, validation_alias="METRICS_TOKEN")
    simulate: bool = Field(False, validation_alias="SIMULATE")
    simulators_port: int | None = Field(None, validation_alias="SIMULATORS_PORT")
    log_level: str = Field("INFO", validation_alias="LOG_LEVEL")
    job_processes: int = Field(8, validation_alias="JOB_PROCESSES", ge=1, le=256)
    job_processes_per_host: int | None = Field(None, validation_alias="JOB_PROCESSES_PER_HOST", ge=1, le=256)
    job_processes_per_user: int = Field(2, validation_alias="JOB_PROCESSES_PER_USER", ge=1)
    job_processes_per_organization: int = Field(6, validation_alias="JOB_PROCESSES_PER_ORGANIZATION", ge=1)
    run_in_flight: int = Field(400, validation_alias="RUN_IN_FLIGHT", ge=5, le=1000)
    run_attempts: int = Field(5, validation_alias="RUN_ATTEMPTS", ge=1, le=20)
    requests_per_user: int = Field(1_200, validation_alias="REQUESTS_PER_USER", ge=60)
    requests_per_address: int = Field(12_000, validation_alias="REQUESTS_PER_ADDRESS", ge=60)
    upload_limit_mb: int = Field(20, validation_alias="UPLOAD_LIMIT_MB", ge=1)
    upload_keep_days: float = Field(7, validation_alias="UPLOAD_KEEP_DAYS", ge=0.05)
    temporary_keep_hours: float = Field(24, validation_alias="TEMPORARY_KEEP_HOURS", ge=1)
    expired_keep_days: float = Field(7, validation_alias="EXPIRED_KEEP_DAYS", ge=1)
    log_limit_mb: float = Field(50, validation_alias="LOG_LIMIT_MB", gt=0)
    housekeeping_minutes: float = Field(5, validation_alias="HOUSEKEEPING_MINUTES", gt=0)

    openai_model: str = Field("gpt-6-luna", validation_alias="OPENAI_MODEL")
    openai_api_key: SecretStr | None = Field(None, validation_alias="OPENAI_API_KEY")
    openai_base_url: str | None = Field(None, validation_alias="OPENAI_BASE_URL")
    openai_requests_per_minute: int = Field(5_000, validation_alias="OPENAI_REQUESTS_PER_MINUTE", ge=1)
    openai_tokens_per_minute: int = Field(20_000_000, validation_alias="OPENAI_TOKENS_PER_MINUTE", ge=1)
    openai_timeout_seconds: float = Field(60, validation_alias="OPENAI_TIMEOUT_SECONDS", gt=0, le=600)
    openai_resend_unknown: bool = Field(True, validation_alias="OPENAI_RESEND_UNKNOWN")
    crustdata_api_key: SecretStr | None = Field(None, validation_alias="CRUSTDATA_API_KEY")
    crustdata_base_url: str | None = Field(None, validation_alias="CRUSTDATA_BASE_URL")
    crustdata_enriches_per_minute: int = Field(14, validation_alias="CRUSTDATA_ENRICHES_PER_MINUTE", ge=1)
    crustdata_searches_per_minute: int = Field(28, validation_alias="CRUSTDATA_SEARCHES_PER_MINUTE", ge=1)
    crustdata_usage_calls_per_minute: int = Field(50, validation_alias="CRUSTDATA_USAGE_CALLS_PER_MINUTE", ge=1)
    salesql_api_key: SecretStr | None = Field(None, validation_alias="SALESQL_API_KEY")
    salesql_base_url: str | None = Field(None, validation_alias="SALESQL_BASE_URL")
    salesql_calls_per_minute: int = Field(150, validation_alias="SALESQL_CALLS_PER_MINUTE", ge=1)
    salesql_calls_per_day: int = Field(5_000, validation_alias="SALESQL_CALLS_PER_DAY", ge=1)
    phantombuster_api_key: SecretStr | None = Field(None, validation_alias="PHANTOMBUSTER_API_KEY")
    phantombuster_base_url: str | None = Field(None, validation_alias="PHANTOMBUSTER_BASE_URL")
    phantombuster_running_agents: int = Field(1, validation_alias="PHANTOMBUSTER_RUNNING_AGENTS", ge=1)
    sheets_api_key: SecretStr | None = Field(None, validation_alias="SHEETS_API_KEY")
    sheets_base_url: str | None = Field(None, validation_alias="SHEETS_BASE_URL")
    sheets_reads_per_minute: int = Field(50, validation_alias="SHEETS_READS_PER_MINUTE", ge=1)

    @cached_property
    def home_path(self) -> Path:
        return self.home.expanduser().absolute()

    @cached_property
    def files_path(self) -> Path:
        return (self.files or self.home_path / "files").expanduser().absolute()

    @property
    def job_processes_here(self) -> int:
        """How many runs the worker of this host drives at once."""
        return self.job_processes_per_host or self.job_processes

    @cached_property
    def secret_key(self) -> str:
        """The signing key of sessions and links: from the environment, or made once for this home."""
        if self.secret_key_text:
            return self.secret_key_text.get_secret_value()
        return read_or_make_secret(self.home_path / "secret_key")

    @property
    def uses_embedded_database(self) -> bool:
        return self.database_url is None

    @property
    def has_any_provider_key(self) -> bool:
        return any(self.provider_key(name) for name in PROVIDERS)

    @property
    def is_demo(self) -> bool:
        """Demo people and printed sign-ins never appear beside a real database or a real key."""
        return self.uses_embedded_database and not self.has_any_provider_key

    def provider_key(self, name: ProviderName) -> SecretStr | None:
        key: SecretStr | None = getattr(self, f"{name}_api_key")
        return key

    def provider_mode(self, name: ProviderName) -> ProviderMode:
        """Simulated when no key at all is set or SIMULATE=1; live with a key; else not connected."""
        if self.simulate or not self.has_any_provider_key:
            return "simulated"
        return "live" if self.provider_key(name) else "not connected"

    def provider_base_url(self, name: ProviderName) -> str:
        override: str | None = getattr(self, f"{name}_base_url")
        if override:
            return override.rstrip("/")
        if self.provider_mode(name) == "simulated":
            return f"http://127.0.0.1:{self.simulators_port_or_default}{SIMULATED_PATHS[name]}"
        return LIVE_BASE_URLS[name]

    @property
    def simulators_port_or_default(self) -> int:
        return self.simulators_port or self.port + 1


def read_or_make_secret(path: Path) -> str:
    """Return the secret kept at `path`; whoever comes first makes it, readable by its owner only.

    The text is complete before it gets its name, so that a second process never reads half a secret.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text(encoding="utf-8").strip()


def load_settings() -> Settings:
    return Settings()
