"""Every setting has a type and a default, and an error that says what to do."""

from __future__ import annotations

import datetime as dt

import pytest

from orchestration.calendars import NEW_YORK
from orchestration.settings import SettingsError, load_settings, load_settings_to_read


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, tmp_path):
    import os

    for name in list(os.environ):
        if name.startswith("SMALLCAP_") or name == "FRED_API_KEY":
            monkeypatch.delenv(name)
    monkeypatch.setenv("SMALLCAP_DATA_DIR", str(tmp_path))


def test_defaults_need_nothing():
    settings = load_settings()
    assert (settings.source, settings.start) == ("sandbox", dt.date(2016, 1, 4))
    assert settings.first_holdings_date() == dt.date(2024, 6, 3)


def test_a_plain_date_is_the_end_of_that_day_in_new_york(monkeypatch):
    monkeypatch.setenv("SMALLCAP_TODAY", "2026-08-21")
    assert load_settings().now() == dt.datetime(2026, 8, 21, 23, 59, 59, tzinfo=NEW_YORK)


def test_a_timestamp_is_taken_as_given(monkeypatch):
    monkeypatch.setenv("SMALLCAP_TODAY", "2026-08-21T18:00:00Z")
    assert load_settings().now() == dt.datetime(2026, 8, 21, 14, 0, tzinfo=NEW_YORK)


def test_all_wrong_and_missing_settings_are_named_at_once(monkeypatch):
    monkeypatch.setenv("SMALLCAP_SOURCE", "live")
    monkeypatch.setenv("SMALLCAP_TODAY", "yesterday")
    monkeypatch.setenv("SMALLCAP_HOLDINGS_DATES", "IWM")
    monkeypatch.setenv("SMALLCAP_MAX_RPS", "0")
    with pytest.raises(SettingsError) as error:
        load_settings()
    text = str(error.value)
    for part in ("SMALLCAP_TODAY is 'yesterday'", "SMALLCAP_HOLDINGS_DATES is 'IWM'", "SMALLCAP_MAX_RPS is '0'"):
        assert part in text
    assert "FRED_API_KEY is not set; get a free key at" in text


def test_a_malformed_key_is_refused_without_being_shown(monkeypatch):
    monkeypatch.setenv("SMALLCAP_SOURCE", "live")
    monkeypatch.setenv("FRED_API_KEY", "SECRET-not-a-key")
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert "32 lower-case letters and digits" in str(error.value)
    assert "SECRET" not in str(error.value)


def test_the_key_is_not_shown_by_a_settings_object(monkeypatch):
    monkeypatch.setenv("FRED_API_KEY", "0123456789abcdef0123456789abcdef")
    assert "0123456789abcdef" not in repr(load_settings())


def test_a_live_run_that_does_not_ask_fred_needs_no_key(monkeypatch):
    monkeypatch.setenv("SMALLCAP_SOURCE", "live")
    monkeypatch.setenv("SMALLCAP_VENDORS", "yahoo,blackrock")
    assert load_settings().vendors == ("yahoo", "blackrock")


def test_an_unknown_vendor_is_named(monkeypatch):
    monkeypatch.setenv("SMALLCAP_VENDORS", "yahoo,bloomberg")
    with pytest.raises(SettingsError, match=r"unknown vendor bloomberg.*out of yahoo,fred"):
        load_settings()


def test_a_vendor_url_with_a_path_is_refused(monkeypatch):
    monkeypatch.setenv("SMALLCAP_YAHOO_URL", "http://127.0.0.1:1/v8")
    with pytest.raises(SettingsError, match=r"SMALLCAP_YAHOO_URL.*scheme and host only"):
        load_settings()


@pytest.mark.parametrize("name", ["SMALLCAP_EXPORT_RESTRICTED", "SMALLCAP_EXPORT_CUSIP"])
def test_what_the_exports_hold_is_said_by_true_or_false(monkeypatch, name):
    field = name.removeprefix("SMALLCAP_").lower()
    assert getattr(load_settings(), field) is True
    monkeypatch.setenv(name, "false")
    assert getattr(load_settings(), field) is False
    monkeypatch.setenv(name, "some of it")
    with pytest.raises(SettingsError, match=rf"{name} is 'some of it': .*; set it to true or false"):
        load_settings()


def test_a_first_session_that_is_still_to_come_is_refused(monkeypatch):
    monkeypatch.setenv("SMALLCAP_TODAY", "2026-08-21")
    monkeypatch.setenv("SMALLCAP_START", "2026-08-21")
    assert load_settings().start == dt.date(2026, 8, 21)
    monkeypatch.setenv("SMALLCAP_START", "2026-08-22")
    with pytest.raises(SettingsError, match="SMALLCAP_START is '2026-08-22': after 2026-08-21, which is today here"):
        load_settings()


def test_a_name_that_is_no_setting_is_named_with_the_nearest_one(monkeypatch, tmp_path):
    file = tmp_path / ".env"
    file.write_text("# mine\n\nSMALLCAP_HOLDING_START=2024-09-01\nOTHER_PROGRAM=1\nSMALLCAP_SCHEDULE=off\n")
    monkeypatch.setenv("SMALLCAP_MAX_RSP", "2")
    monkeypatch.setenv("SMALLCAP_ZZZ", "2")
    with pytest.raises(SettingsError) as error:
        load_settings(_env_file=file)
    assert str(error.value).splitlines()[1:] == [
        "  - SMALLCAP_MAX_RSP (the environment) is no setting; did you mean SMALLCAP_MAX_RPS?",
        "  - SMALLCAP_ZZZ (the environment) is no setting; docs/live.md lists all settings",
        f"  - SMALLCAP_HOLDING_START ({file}, line 3) is no setting; did you mean SMALLCAP_HOLDINGS_START?",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("SMALLCAP_START=2017-01-03\n\nFRED_API_KEY 0123456789abcdef\n", 3),
        ("SMALLCAP_START\n", 1),
        ("\n\n=2017\n", 3),
        ("A=1\nSMALLCAP_SEC_USER_AGENT='Jane Doe jane@example.com\nB=2\n", 2),
    ],
)
def test_a_line_that_says_nothing_is_refused_by_its_number_and_not_shown(tmp_path, text, line):
    file = tmp_path / ".env"
    file.write_text(text)
    with pytest.raises(SettingsError) as error:
        load_settings(_env_file=file)
    assert f"{file}, line {line} cannot be read; write NAME=value" in str(error.value)
    assert "0123456789" not in str(error.value)


def test_a_file_of_settings_that_is_no_text_is_refused(tmp_path):
    file = tmp_path / ".env"
    file.write_bytes(b"SMALLCAP_START=2017-01-03 \xff\n")
    with pytest.raises(SettingsError, match=r"\.env is not text in UTF-8"):
        load_settings(_env_file=file)


def test_a_good_file_of_settings_is_read(tmp_path):
    file = tmp_path / ".env"
    file.write_text('export SMALLCAP_START=2017-01-03 # first\nsmallcap_vendors="yahoo,fred"\n')
    settings = load_settings(_env_file=file)
    assert (settings.start, settings.vendors) == (dt.date(2017, 1, 3), ("yahoo", "fred"))


def test_who_only_reads_needs_no_key_and_no_contact(monkeypatch):
    monkeypatch.setenv("SMALLCAP_SOURCE", "live")
    assert load_settings_to_read().source == "live"
    with pytest.raises(SettingsError, match="FRED_API_KEY is not set"):
        load_settings()
    monkeypatch.setenv("SMALLCAP_START", "never")
    with pytest.raises(SettingsError, match="SMALLCAP_START is 'never'"):
        load_settings_to_read()


def test_a_folder_that_cannot_be_is_refused_by_all(monkeypatch, tmp_path):
    monkeypatch.delenv("SMALLCAP_DATA_DIR")
    file = tmp_path / ".env"
    file.write_text("SMALLCAP_DATA_DIR=/a\0b\n")
    with pytest.raises(
        SettingsError, match=r"SMALLCAP_DATA_DIR is .* null byte; set it to a folder this user can write"
    ):
        load_settings_to_read(_env_file=file)


def test_bars_of_members_are_asked_for_by_a_number_only(monkeypatch):
    assert load_settings().member_bars == 0
    monkeypatch.setenv("SMALLCAP_MEMBER_BARS", "300")
    assert load_settings().member_bars == 300
    for wrong in ("-1", "2.5", "all"):
        monkeypatch.setenv("SMALLCAP_MEMBER_BARS", wrong)
        with pytest.raises(SettingsError, match=rf"SMALLCAP_MEMBER_BARS is '{wrong}': .*; set it to a whole number"):
            load_settings()
