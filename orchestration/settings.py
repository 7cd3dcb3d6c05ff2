"""Every setting of the warehouse: its type, its default, and what to do when it is wrong."""

from __future__ import annotations

import datetime as dt
import os
import re
import tempfile
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv.parser import parse_stream
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from orchestration.calendars import NEW_YORK, end_of_day

REPOSITORY = Path(__file__).resolve().parent.parent
VENDORS = ("yahoo", "fred", "blackrock", "ssga", "proshares", "direxion", "sec")
SANDBOX_HOLDINGS_START = dt.date(2024, 6, 3)
# the first period that funds made public
FILINGS_START = dt.date(2019, 9, 30)
# https://www.sec.gov/os/accessing-edgar-data: a name, and an address to write to
SEC_CONTACT = re.compile(r"\S.*\s<?[^\s@<>()]+@[^\s@<>()]+\.[^\s@<>()]+>?")
FRED_KEY = re.compile(r"[a-z0-9]{32}")

FOLDER_FIX = "set it to a folder this user can write to"
FIXES = {
    "SMALLCAP_SOURCE": "set it to sandbox or live",
    "SMALLCAP_DATA_DIR": FOLDER_FIX,
    "SMALLCAP_START": "set it to a date such as 2016-01-04, not before 1990-01-02 and not after today",
    "SMALLCAP_TODAY": "set it to a date (2026-08-21) or a timestamp (2026-08-21T18:00:00-04:00), or unset it",
    "SMALLCAP_VENDORS": f"set it to a comma-separated list out of {','.join(VENDORS)}",
    "SMALLCAP_HOLDINGS_START": "set it to a date such as 2024-09-01, or unset it",
    "SMALLCAP_HOLDINGS_DATES": "set it to FUND:DATE pairs, such as IWM:2025-05-13,IWB:2026-07-17",
    "SMALLCAP_HOLDINGS_DAILY_BUDGET": "set it to a whole number of requests, 0 or more",
    "SMALLCAP_FILINGS_START": "set it to a date such as 2019-09-30, the first period that was made public",
    "SMALLCAP_MEMBER_BARS": "set it to a whole number of members asked in one run, 0 or more; 0 asks for none",
    "SMALLCAP_SEC_USER_AGENT": "set it to your name and an address to write to, such as "
    "SMALLCAP_SEC_USER_AGENT='Jane Doe jane@example.com'; the SEC answers nobody without one",
    "SMALLCAP_MAX_RPS": "set it to a number of requests per second above 0",
    "SMALLCAP_RUN_DEADLINE": "set it to a whole number of seconds, 0 or more; 0 asks nobody",
    "SMALLCAP_EXPORT_RESTRICTED": "set it to true or false",
    "SMALLCAP_EXPORT_CUSIP": "set it to true or false",
    "SMALLCAP_ACCEPT_LOSSES": "set it to true or false",
    "SMALLCAP_RELEASES_KEPT": "set it to a whole number, 1 or more",
    "FRED_API_KEY": "get a free key at https://fred.stlouisfed.org/docs/api/api_key.html (32 lower-case letters and "
    "digits) and put FRED_API_KEY=... in .env",
}
PREFIX = "SMALLCAP_"
# read where there are no settings yet: by the schedule, by DuckDB and dbt
OUTSIDE = ("SMALLCAP_SCHEDULE", "SMALLCAP_DUCKDB_MEMORY")


class SettingsError(Exception):
    """One or more settings are missing or wrong; the message lists every one with its fix."""


class Settings(BaseSettings):
    """The settings of one process, read from the environment and then from `.env`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=REPOSITORY / ".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    source: Literal["sandbox", "live"] = "sandbox"
    data_dir: Path = REPOSITORY / "data_lake"
    start: dt.date = dt.date(2016, 1, 4)
    today: dt.date | dt.datetime | None = None
    vendors: Annotated[tuple[str, ...], NoDecode] = VENDORS
    holdings_start: dt.date | None = None
    holdings_dates: Annotated[tuple[tuple[str, dt.date], ...], NoDecode] = ()
    holdings_daily_budget: int = Field(default=40, ge=0)
    member_bars: int = Field(default=0, ge=0)
    filings_start: dt.date = FILINGS_START
    sec_user_agent: str | None = None
    max_rps: float | None = Field(default=None, gt=0)
    run_deadline: int = Field(default=3600, ge=0)
    export_restricted: bool = True
    export_cusip: bool = True
    releases_kept: int = Field(default=5, ge=1)
    accept_losses: bool = False
    yahoo_url: str | None = None
    fred_url: str | None = None
    blackrock_url: str | None = None
    ssga_url: str | None = None
    proshares_url: str | None = None
    direxion_url: str | None = None
    sec_url: str | None = None
    fred_api_key: SecretStr | None = Field(default=None, validation_alias="FRED_API_KEY")

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        try:
            folder = (REPOSITORY / value.expanduser()).resolve()
            is_something_else = folder.exists() and not folder.is_dir()
        except OSError as error:
            raise ValueError(error.strerror) from error
        except RuntimeError as error:
            raise ValueError(str(error)) from error
        if is_something_else:
            raise ValueError("there is a file of that name")
        return folder

    @field_validator("today", mode="before")
    @classmethod
    def _clock(cls, value: Any) -> Any:
        if isinstance(value, str):
            text = value.strip()
            if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
                return dt.date.fromisoformat(text)
            moment = dt.datetime.fromisoformat(text)
            return moment if moment.tzinfo else moment.replace(tzinfo=NEW_YORK)
        return value

    @field_validator("start")
    @classmethod
    def _start(cls, value: dt.date) -> dt.date:
        if value < dt.date(1990, 1, 2):
            raise ValueError("before 1990-01-02")
        return value

    @field_validator("vendors", mode="before")
    @classmethod
    def _vendors(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = tuple(v.strip().lower() for v in value.split(",") if v.strip())
        unknown = [v for v in value if v not in VENDORS]
        if unknown or not value:
            raise ValueError(f"unknown vendor {', '.join(unknown)}" if unknown else "no vendor named")
        return value

    @field_validator("holdings_dates", mode="before")
    @classmethod
    def _holdings_dates(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        pairs = []
        for item in filter(None, (part.strip() for part in value.split(","))):
            fund, _, day = item.partition(":")
            pairs.append((fund.strip().upper(), dt.date.fromisoformat(day.strip())))
        return tuple(pairs)

    @field_validator("yahoo_url", "fred_url", "blackrock_url", "ssga_url", "proshares_url", "direxion_url", "sec_url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^/?#]+/?", value):
            raise ValueError("not scheme and host")
        return value.rstrip("/") if value else None

    @cached_property
    def frozen(self) -> bool:
        """Whether the clock stands still."""
        return self.today is not None

    def now(self) -> dt.datetime:
        """The moment the warehouse believes it is, in New York time."""
        if self.today is None:
            return dt.datetime.now(NEW_YORK)
        if isinstance(self.today, dt.datetime):
            return self.today.astimezone(NEW_YORK)
        return end_of_day(self.today)

    def url(self, vendor: str) -> str | None:
        """The base URL that replaces a vendor's own scheme and host, if one is set."""
        return getattr(self, f"{vendor}_url")

    def first_holdings_date(self) -> dt.date | None:
        """First holdings snapshot asked for; None asks for the newest file only."""
        if self.holdings_start is None and self.source == "sandbox":
            return SANDBOX_HOLDINGS_START
        return self.holdings_start


def load_settings(**overrides: Any) -> Settings:
    """Read the settings of a run, or raise one SettingsError that lists every missing or wrong one.

    Args:
        overrides: Values by field name that win over the environment (used by tests and tools).
    """
    settings, problems = _read(overrides)
    _refuse(problems + _key_problems(settings) + _contact_problems(settings))
    assert settings is not None  # noqa: S101 - narrowing for the type checker; a failure was raised above
    return settings


def load_settings_to_read(**overrides: Any) -> Settings:
    """The same for a command that asks no vendor, which needs no key and no contact."""
    settings, problems = _read(overrides)
    _refuse(problems)
    assert settings is not None  # noqa: S101 - as above
    return settings


def check_folder(name: str, folder: Path) -> None:
    """Make a folder that a setting names, and see that this user can write there and in what is in it.

    Raises:
        SettingsError: It cannot be made or written to; the message says what is in the way.
    """
    kept = [folder / part for part in ("raw", "build", "exports")]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for place in (folder, *(place for place in kept if os.path.lexists(place))):
            folder = place
            # leaves nothing behind, not even where this process is killed
            with tempfile.TemporaryFile(dir=place):
                pass
    except FileExistsError:
        _refuse([f"{name} needs the folder {folder}, and there is a file of that name; {FOLDER_FIX}"])
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        _refuse([f"{name} needs the folder {folder}, which cannot be written to: {said}; {FOLDER_FIX}"])


def _read(overrides: dict[str, Any]) -> tuple[Settings | None, list[str]]:
    """The settings, None where one of them is wrong, and what is wrong."""
    file = overrides.get("_env_file", Settings.model_config["env_file"])
    names, problems = _names(Path(file) if file else None)
    problems += _unknown_names(names)
    settings = None
    try:
        settings = Settings(**overrides)
    except (UnicodeDecodeError, OSError):
        pass  # named already: the file cannot be read
    except ValidationError as error:
        for item in error.errors(include_url=False):
            name = _variable(str(item["loc"][0]))
            given = "" if name == "FRED_API_KEY" else f" is {os.environ.get(name, item.get('input'))!r}:"
            fix = FIXES.get(name, "set it to scheme and host only, such as http://127.0.0.1:8080")
            problems.append(f"{name}{given} {item['msg']}; {fix}")
    return settings, problems + _start_problems(settings)


def _refuse(problems: list[str]) -> None:
    if problems:
        raise SettingsError("The settings cannot be used:\n  - " + "\n  - ".join(problems))


def _names(file: Path | None) -> tuple[dict[str, str], list[str]]:
    """Where each name is set, and the lines of `.env` that say nothing; a line may hold a key, so none is shown."""
    names = dict.fromkeys(os.environ, "the environment")
    if file is None or not file.is_file():
        return names, []
    problems = []
    try:
        with file.open(encoding="utf-8") as lines:
            bindings = list(parse_stream(lines))
    except UnicodeDecodeError:
        return names, [f"{file} is not text in UTF-8; write it anew as plain text"]
    except OSError as error:
        return names, [f"{file} cannot be read: {error.strerror}; give this user the right to read it"]
    for binding in bindings:
        line = binding.original.line + _blank_lines_before(binding.original.string)
        if binding.error or (binding.key is not None and binding.value is None):
            problems.append(f"{file}, line {line} cannot be read; write NAME=value, or # before a comment")
        elif binding.key is not None:
            names.setdefault(binding.key, f"{file}, line {line}")
    return names, problems


def _blank_lines_before(text: str) -> int:
    """The parser counts the blank lines before a line as a part of it."""
    return text[: len(text) - len(text.lstrip())].count("\n")


def _unknown_names(names: dict[str, str]) -> Iterator[str]:
    """Names that look like settings and are none, each with the nearest that is one."""
    valid = [name.removeprefix(PREFIX) for name in (*map(_variable, Settings.model_fields), *OUTSIDE)]
    for name, where in names.items():
        end = name.upper().removeprefix(PREFIX)
        if name.upper() != end and end not in valid:
            near = get_close_matches(end, valid, n=1)
            meant = f"did you mean {PREFIX}{near[0]}?" if near else "docs/live.md lists all settings"
            yield f"{name} ({where}) is no setting; {meant}"


def partition_settings() -> tuple[dt.date, dt.date]:
    """First date and New York date of the clock, for the partitions; read without the checks of a live run.

    The code location must load to show its errors, so a setting that cannot be read falls back to its default here and
    is reported by load_settings when a run starts.
    """
    try:
        settings = Settings()
    except ValidationError:
        return Settings.model_fields["start"].default, dt.datetime.now(NEW_YORK).date()
    return settings.start, settings.now().date()


def _variable(field: str) -> str:
    return "FRED_API_KEY" if field.upper() == "FRED_API_KEY" else f"SMALLCAP_{field.upper()}"


def _start_problems(settings: Settings | None) -> list[str]:
    """A first session that is still to come would leave every table empty."""
    if settings is None or settings.start <= settings.now().date():
        return []
    name = "SMALLCAP_START"
    return [f"{name} is '{settings.start}': after {settings.now().date()}, which is today here; {FIXES[name]}"]


def _contact_problems(settings: Settings | None) -> list[str]:
    """A live run that may ask the SEC says who asks."""
    name = "SMALLCAP_SEC_USER_AGENT"
    live = settings.source == "live" if settings else os.environ.get("SMALLCAP_SOURCE") == "live"
    asks_sec = "sec" in settings.vendors if settings else "sec" in os.environ.get("SMALLCAP_VENDORS", "sec")
    who = settings.sec_user_agent if settings else os.environ.get(name)
    if not (live and asks_sec):
        return []
    if not who:
        return [f"{name} is not set; {FIXES[name]}"]
    if not SEC_CONTACT.fullmatch(who.strip()):
        return [f"{name} is {who!r}, which is no name with an address to write to; {FIXES[name]}"]
    return []


def _key_problems(settings: Settings | None) -> list[str]:
    """A live run that may ask FRED needs a well-formed key; the key itself is never shown."""
    live = settings.source == "live" if settings else os.environ.get("SMALLCAP_SOURCE") == "live"
    asks_fred = "fred" in settings.vendors if settings else "fred" in os.environ.get("SMALLCAP_VENDORS", "fred")
    if settings and settings.fred_api_key:
        key: str | None = settings.fred_api_key.get_secret_value()
    else:
        key = os.environ.get("FRED_API_KEY") or None
    if not (live and asks_fred):
        return []
    if key is None:
        return [f"FRED_API_KEY is not set; {FIXES['FRED_API_KEY']}"]
    if not FRED_KEY.fullmatch(key):
        return [f"FRED_API_KEY is not 32 lower-case letters and digits (it has {len(key)}); {FIXES['FRED_API_KEY']}"]
    return []
