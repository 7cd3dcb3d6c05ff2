"""The served database from Python: tables, macros, and what was known when."""

import sys
from pathlib import Path

import duckdb

data = Path(sys.argv[1] if len(sys.argv) > 1 else "data_lake")

with duckdb.connect(str(data / "smallcap.duckdb"), read_only=True) as con:
    print(con.sql("select release_id, source, as_of_session from dim_release"))

    print("Year to date, percent: price and total return")
    print(
        con.sql("""
            select symbol, round(100 * return_px, 2) as price, round(100 * return_tr, 2) as total
            from mart_return
            where window_code = 'ytd' and session_date = (select as_of_session from dim_release)
              and symbol in ('^RUT', '^GSPC', 'IWM', 'SPY', 'QQQ', 'TNA', 'TZA')
            order by price desc
        """)
    )

    print("Between two dates, fractions")
    dates = ["IWM", "2026-06-30", "2026-09-30"]
    print(con.sql("select * from return_between(?, ?, ?)", params=dates))

    print("The newest CPI a reader had at that moment")
    print(
        con.sql("""
            select series_id, observation_date, value, available_at
            from macro_known_at('2026-09-30 18:00:00-04')
            where series_id = 'CPIAUCSL'
            order by observation_date desc
            limit 1
        """)
    )
