"""The Parquet release in pandas: files and units from the manifest, then flows and a spread."""

import json
import sys
from pathlib import Path

import pandas as pd

latest = Path(sys.argv[1] if len(sys.argv) > 1 else "data_lake") / "exports" / "latest"
manifest = json.loads((latest / "manifest.json").read_text(encoding="utf-8"))
print("release", manifest["release_id"], "synthetic" if manifest["is_synthetic"] else "live")


def read(table: str, **options) -> pd.DataFrame:
    """One table; the big ones are a file a year, and the manifest names all files."""
    files = [latest / file["path"] for file in manifest["tables"][table]["files"]]
    return pd.concat([pd.read_parquet(file, **options) for file in files], ignore_index=True)


print("units:", {c["name"]: c["unit"] for c in manifest["tables"]["mart_etf_flow"]["columns"] if c["unit"]})

flows = read("mart_etf_flow", filters=[("symbol", "in", ["IWM", "SPY", "URTY", "SRTY"])])
newest = flows.sort_values("flow_date").groupby("symbol").tail(1).set_index("symbol")
print(newest[["flow_date", "flow_usd", "flow_65d_usd", "flow_65d_pct_aum", "available_at"]].to_string())

prices = read("fct_price_daily", columns=["symbol", "session_date", "close"])
closes = prices.pivot_table(index="session_date", columns="symbol", values="close")
five = closes / closes.shift(5) - 1
print("IWM less QQQ over five sessions, percentage points")
print((100 * (five["IWM"] - five["QQQ"])).tail(5).round(2).to_string())
