"""A small real dbt project, built with the real dbt, in the shape publish reads."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import ClassVar

import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from orchestration.build.record import BuildRecord, load_record, record_build, save_record
from orchestration.settings import Settings, load_settings

FILES = {
    "dbt_project.yml": """
        name: tiny
        version: "1.0"
        config-version: 2
        profile: tiny
        vars:
          {bump: 0, broken: false, release_id: r1, extra_row: false, sedol: 9AAAAA1, open_as: table, open_name: name,
           kept: "true", said: "true"}
        models: {tiny: {+materialized: table, +contract: {enforced: true}}}
    """,
    "profiles.yml": """
        tiny:
          target: build
          outputs:
            build:
              type: duckdb
              path: "{{ env_var('SMALLCAP_DATA_DIR') }}/build/warehouse.duckdb"
              threads: 2
              settings: {TimeZone: America/New_York}
    """,
    "macros/schema.sql": """
        {% macro generate_schema_name(custom_schema_name, node) %}{{ custom_schema_name or 'main' }}{% endmacro %}
    """,
    "models/int_session.sql": """
        {{ config(contract={'enforced': false}) }}
        select cast(day as date) as session_date
        from generate_series(timestamp '2024-12-02', timestamp '2025-02-28', interval 1 day) as t (day)
        where isodow(day) <= 5
    """,
    "models/dim_instrument.sql": """
        select * from (values
            ('^RUT', 'Russell <2000>', 'Yahoo: personal use', false),
            ('IWM', 'iShares Russell 2000', 'Yahoo: personal use', false),
            ('SPY', 'SPDR S&P 500', 'open', true)
        ) as t (symbol, name, licence, may_redistribute)
    """,
    "models/fct_price_daily.sql": """
        select
            i.symbol,
            s.session_date,
            cast(100 + i.n + date_diff('day', date '2024-12-02', s.session_date) as double)
                + case when i.symbol = 'IWM' and s.session_date = date '2025-01-15' then {{ var('bump') }} else 0 end
                as close,
            cast(200 + date_diff('day', date '2024-12-02', s.session_date) as double) as total_return_index,
            cast(1000 as bigint) as volume,
            cast(s.session_date + time '16:15' as timestamptz) as available_at
        from (values ('^RUT', 1), ('IWM', 2), ('SPY', 3)) as i (symbol, n), {{ ref('int_session') }} as s
        where {{ var('kept') }}
        {% if var('extra_row') %}
        union all select 'IWM', date '2025-03-03', 500.0, 500.0, 1, timestamptz '2025-03-03 16:15:00-05:00'
        {% endif %}
    """,
    "models/fct_volume.sql": """
        select symbol, cast(sum(volume) as hugeint) as volume_total, cast(max(close) as decimal(18, 4)) as close_max
        from {{ ref('fct_price_daily') }} group by symbol
    """,
    "models/mart_return.sql": """
        select symbol, session_date, w.window_code,
            cast(close / lag(close) over (partition by symbol, w.window_code order by session_date) - 1 as double)
                as return_px
        from {{ ref('fct_price_daily') }}, (values ('1d'), ('ytd')) as w (window_code)
    """,
    "models/fct_index_membership.sql": """
        select 'R2000' as index_code, 'S1' as security_id, date '2024-12-31' as valid_from,
            cast(null as date) as valid_to
    """,
    "models/dim_security.sql": """
        select 'S1' as security_id, 'Old Mill Bank' as name,
            '99AAAA101' as cusip, 'US99AAAA1013' as isin, '{{ var("sedol") }}' as sedol
    """,
    "models/int_open_security.sql": """
        {{ config(schema='intermediate', materialized=var('open_as'), contract={'enforced': false}) }}
        select 'US99BBBB1017' as isin, '99BBBB101' as cusip, cast(null as varchar) as sedol,
            'River Bank' as {{ var('open_name') }}, 'S2' as security_id
        union all select 'US99CCCC1016', '99CCCC101', null, 'Stone Bank', 'S3'
    """,
    "models/dim_security_identifier.sql": """
        select 'S1' as security_id, id_type, id_value from (values
            ('ticker', 'OMB'), ('cusip', '99AAAA101'), ('isin', 'US99AAAA1013'), ('sedol', '9AAAAA1')
        ) as t (id_type, id_value)
    """,
    "models/fct_fund_filing.sql": """
        select 'IWM' as fund, date '2024-12-31' as report_date, 82970351735.73 :: double as net_assets_usd
        where {{ var('said') }}
    """,
    "models/fct_coverage.sql": """
        select 'prices' as dataset, symbol as key, session_date,
            case when session_date = date '2025-01-20' then 'not_expected' else 'present' end as state
        from {{ ref('fct_price_daily') }}
        union all
        select 'constituents', 'IWM', session_date, 'missing' from {{ ref('int_session') }}
    """,
    "models/dim_release.sql": """
        select '{{ var("release_id") }}' as release_id, 'sandbox' as source
    """,
    "tests/close_is_not_broken.sql": """
        select * from {{ ref('fct_price_daily') }} where {{ var('broken') }} and symbol = 'SPY'
    """,
    "tests/no_low_volume.sql": """
        {{ config(severity='warn') }}
        select * from {{ ref('fct_price_daily') }} where volume < 500
    """,
}

MODELS: dict[str, tuple[tuple[str, ...], dict[str, tuple[str, str | None]]]] = {
    "dim_instrument": (
        ("symbol",),
        {
            "symbol": ("varchar", None),
            "name": ("varchar", None),
            "licence": ("varchar", None),
            "may_redistribute": ("boolean", None),
        },
    ),
    "fct_price_daily": (
        ("symbol", "session_date"),
        {
            "symbol": ("varchar", None),
            "session_date": ("date", None),
            "close": ("double", "USD per share"),
            "total_return_index": ("double", "index"),
            "volume": ("bigint", "shares"),
            "available_at": ("timestamp with time zone", None),
        },
    ),
    "fct_volume": (
        ("symbol",),
        {"symbol": ("varchar", None), "volume_total": ("hugeint", "shares"), "close_max": ("decimal(18, 4)", "USD")},
    ),
    "mart_return": (
        ("symbol", "session_date", "window_code"),
        {
            "symbol": ("varchar", None),
            "session_date": ("date", None),
            "window_code": ("varchar", None),
            "return_px": ("double", "fraction"),
        },
    ),
    "fct_index_membership": (
        ("index_code", "security_id", "valid_from"),
        {
            "index_code": ("varchar", None),
            "security_id": ("varchar", None),
            "valid_from": ("date", None),
            "valid_to": ("date", None),
        },
    ),
    "dim_security": (
        ("security_id",),
        {
            "security_id": ("varchar", None),
            "name": ("varchar", None),
            "cusip": ("varchar", None),
            "isin": ("varchar", None),
            "sedol": ("varchar", None),
        },
    ),
    "dim_security_identifier": (
        ("security_id", "id_type"),
        {"security_id": ("varchar", None), "id_type": ("varchar", None), "id_value": ("varchar", None)},
    ),
    "fct_fund_filing": (
        ("fund", "report_date"),
        {"fund": ("varchar", None), "report_date": ("date", None), "net_assets_usd": ("double", "USD")},
    ),
    "fct_coverage": (
        ("dataset", "key", "session_date"),
        {
            "dataset": ("varchar", None),
            "key": ("varchar", None),
            "session_date": ("date", None),
            "state": ("varchar", None),
        },
    ),
    "dim_release": (("release_id",), {"release_id": ("varchar", None), "source": ("varchar", None)}),
}
METAS: dict[str, dict[str, object]] = {
    "fct_volume": {"licence": "all rows: personal use"},
    "dim_security": {"open_edition": "int_open_security"},
    "fct_price_daily": {"told_by_vendors": True, "headlines": {"symbol": ["^RUT", "IWM", "QQQ"]}},
    "fct_fund_filing": {"licence": "SEC EDGAR: public domain", "may_redistribute": True, "told_by_vendors": True},
}
# each of these is a command somewhere
TERMINAL = "\x1b[31m\x1b]0;title\x07\x9b2J\r\x08\u202eltr\u2066\u200b\x7f"
HOSTILE = (
    "=cmd|' /C calc'!A0 +1 @SUM(A1) '; drop table dim_security; -- \" ../../../etc/passwd <script>alert(1)</script> "
    "<img src=x onerror=alert(1)> `code` | [a](javascript:alert(1)) ![i](http://example.com/i.png) % " + TERMINAL
)
NOW = dt.datetime.fromisoformat("2025-02-28T18:00:00-05:00")


def write_project(folder: Path) -> Path:
    """Lay the project out below a folder."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    models = [
        {
            "name": name,
            "description": f"What {name}\nholds.",
            "config": {
                "meta": {"primary_key": list(key), "grain": f"one row per {', '.join(key)}", **METAS.get(name, {})}
            },
            "columns": [
                {
                    "name": column,
                    "data_type": kind,
                    "description": f"The {column}'s value.",
                    "config": {"meta": {"unit": unit} if unit else {}},
                    "data_tests": ["not_null"] if column in key else [],
                }
                for column, (kind, unit) in columns.items()
            ],
        }
        for name, (key, columns) in MODELS.items()
    ]
    # JSON is YAML
    (folder / "models" / "models.yml").write_text(json.dumps({"version": 2, "models": models}), encoding="utf-8")
    return folder


def dbt(project: Path, data_dir: Path, *arguments: str) -> None:
    """Run dbt with its artifacts below build/dbt; whether it passed is in them."""
    (data_dir / "build").mkdir(parents=True, exist_ok=True)
    places = ["--profiles-dir", str(project), "--project-dir", str(project)]
    places += ["--target-path", str(data_dir / "build" / "dbt"), "--log-path", str(data_dir / "build" / "logs")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SMALLCAP_DATA_DIR", str(data_dir))
        dbtRunner().invoke(["--no-send-anonymous-usage-stats", "--quiet", arguments[0], *places, *arguments[1:]])
    # dbt keeps the database open as long as its process lives
    DuckDBConnectionManager.close_all_connections()


def build(project: Path, data_dir: Path, *arguments: str, **variables: object) -> BuildRecord:
    """One recorded dbt build, passed or failed."""
    dbt(project, data_dir, "build", "--vars", json.dumps(variables), *arguments)
    return record(data_dir, str(variables.get("release_id", "r1")))


def record(data_dir: Path, release_id: str) -> BuildRecord:
    """Record the build that lies in a data directory."""
    return record_build(
        data_dir,
        dbt_target_path=data_dir / "build" / "dbt",
        database_path=data_dir / "build" / "warehouse.duckdb",
        now_at=NOW,
        as_of_session=NOW.date(),
        source="sandbox",
        release_id=release_id,
        version="1.2.3",
        git_commit="abc",
    )


def settings(data_dir: Path, **overrides: object) -> Settings:
    """Settings of a sandbox in a data directory, the clock at the build's."""
    return load_settings(data_dir=data_dir, today=NOW, source="sandbox", **overrides)


class Builds:
    """Builds of the project, each made once and copied into the data directory of a test."""

    VARIABLES: ClassVar[dict[str, dict[str, object]]] = {
        "good": {},
        "corrected": {"bump": 2.5, "extra_row": True, "release_id": "r2"},
        "broken": {"broken": True, "release_id": "r2"},
        "warned": {"extra_row": True, "release_id": "r3"},
        "nine tenths gone": {"kept": "s.session_date <= date '2024-12-06' or s.session_date = date '2025-02-28'"},
        "no last week": {"kept": "s.session_date < date '2025-02-24'"},
        "no last day of IWM": {"kept": "s.session_date < date '2025-02-28' or i.symbol <> 'IWM'"},
        "no IWM": {"kept": "i.symbol <> 'IWM'"},
        "no last day of SPY": {"kept": "s.session_date < date '2025-02-28' or i.symbol <> 'SPY'"},
        "no reports": {"said": "false", "release_id": "r2"},
        "nothing": {"kept": "false", "said": "false"},
        "other sedol": {"sedol": "9AAAAA2", "release_id": "r2"},
        "hostile": {"sedol": HOSTILE.replace("'", "''"), "release_id": "r2"},
        "open edition nowhere": {"open_as": "ephemeral"},
        "open edition with other columns": {"open_name": "title"},
    }

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = write_project(folder / "project")

    def put(self, name: str, data_dir: Path, release_id: str | None = None) -> BuildRecord:
        """Make `data_dir/build` the build of this name; times are kept, so that it is still the recorded one."""
        made = self.folder / name
        if not made.exists():
            build(self.project, made, **self.VARIABLES[name])
        shutil.rmtree(data_dir / "build", ignore_errors=True)
        shutil.copytree(made / "build", data_dir / "build")
        found = load_record(data_dir)
        assert found is not None
        if release_id:
            found = replace(found, release_id=release_id)
            save_record(data_dir, found)
        return found


@pytest.fixture(scope="session")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Builds:
    return Builds(tmp_path_factory.mktemp("builds"))


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data_lake"
    folder.mkdir()
    return folder
