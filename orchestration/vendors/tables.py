"""The typed tables vendors answer with: column names, kinds, and null where a value is unknown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

Kind = Literal["text", "date", "float", "int", "flag", "moment"]

COLUMNS: dict[str, dict[str, Kind]] = {
    "yahoo_bar": {
        "symbol": "text",
        "session_date": "date",
        "open": "float",
        "high": "float",
        "low": "float",
        "close": "float",
        "volume": "int",
        "split_basis_date": "date",
    },
    "yahoo_action": {
        "symbol": "text",
        "ex_date": "date",
        "action_type": "text",
        "value": "float",
        "split_basis_date": "date",
    },
    "option_quote": {
        "underlying": "text",
        "session_date": "date",
        "contract_symbol": "text",
        "expiry_date": "date",
        "side": "text",
        "strike": "float",
        "bid": "float",
        "ask": "float",
        "last_price": "float",
        "volume": "int",
        "open_interest": "int",
        "implied_vol": "float",
        "last_trade_at": "moment",
        "in_the_money": "flag",
        "underlying_price": "float",
        "underlying_at": "moment",
    },
    "fund_valuation": {
        "symbol": "text",
        "session_date": "date",
        "price_to_earnings": "float",
        "price_to_book": "float",
        "price_to_sales": "float",
        "price_to_cashflow": "float",
    },
    "fred_observation": {"series_id": "text", "observation_date": "date", "realtime_start": "date", "value": "float"},
    "fred_release_date": {"release_id": "int", "release_date": "date"},
    "fund_day": {
        "vendor": "text",
        "symbol": "text",
        "as_of_date": "date",
        "nav_usd": "float",
        "shares_outstanding": "float",
        "aum_usd": "float",
        "ex_dividend_usd": "float",
        "share_basis": "text",
        "split_basis_date": "date",
    },
    "holding_snapshot": {
        "vendor": "text",
        "fund": "text",
        "as_of_date": "date",
        "file_format": "text",
        "lines": "int",
        "weight_sum_pct": "float",
        "shares_outstanding": "float",
        "lines_sha256": "text",
        "file_path": "text",
    },
    "holding": {
        "vendor": "text",
        "fund": "text",
        "as_of_date": "date",
        "line_no": "int",
        "ticker": "text",
        "name": "text",
        "sector": "text",
        "asset_class": "text",
        "market_value_usd": "float",
        "weight_pct": "float",
        "notional_value_usd": "float",
        "shares": "float",
        "price_usd": "float",
        "location": "text",
        "exchange": "text",
        "currency": "text",
        "market_currency": "text",
        "cusip": "text",
        "isin": "text",
        "sedol": "text",
    },
    "fund_filing_entry": {
        "vendor": "text",
        "fund": "text",
        "accession": "text",
        "cik": "text",
        "form": "text",
        "filed_date": "date",
        "accepted_at": "moment",
    },
    "fund_filing": {
        "vendor": "text",
        "fund": "text",
        "report_date": "date",
        "accession": "text",
        "cik": "text",
        "series_id": "text",
        "book_date": "date",
        "form": "text",
        "filed_date": "date",
        "accepted_at": "moment",
        "fiscal_year_end": "date",
        "total_assets_usd": "float",
        "total_liabilities_usd": "float",
        "net_assets_usd": "float",
        "cash_usd": "float",
        "lines": "int",
        "equity_weight_pct": "float",
        "lines_sha256": "text",
        "file_path": "text",
    },
    "fund_filing_line": {
        "vendor": "text",
        "fund": "text",
        "report_date": "date",
        "accession": "text",
        "line_no": "int",
        "name": "text",
        "title": "text",
        "lei": "text",
        "cusip": "text",
        "isin": "text",
        "ticker": "text",
        "other_id": "text",
        "balance": "float",
        "units": "text",
        "currency": "text",
        "value_usd": "float",
        "weight_pct": "float",
        "payoff": "text",
        "asset_category": "text",
        "asset_description": "text",
        "issuer_category": "text",
        "country": "text",
        "is_restricted": "flag",
        "fair_value_level": "int",
        "on_loan_usd": "float",
        "derivative_kind": "text",
        "notional_usd": "float",
    },
    "fund_month": {
        "vendor": "text",
        "fund": "text",
        "month_end": "date",
        "accession": "text",
        "report_date": "date",
        "sales_usd": "float",
        "redemptions_usd": "float",
        "reinvested_usd": "float",
        "total_return_pct": "float",
    },
    "settlement_fail": {
        "vendor": "text",
        "period_end": "date",
        "cusip": "text",
        "symbol": "text",
        "name": "text",
        "first_settlement_date": "date",
        "last_settlement_date": "date",
        "file_path": "text",
    },
}


def table(name: str, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Build one table of COLUMNS, with nulls that survive the way to Parquet.

    Args:
        name: A key of COLUMNS.
        rows: One mapping per row; a missing or None value is null, a key that is no column is an error.

    Raises:
        ValueError: A row has a key that is not a column.
    """
    kinds = COLUMNS[name]
    rows = list(rows)
    _refuse_stray(name, {key for row in rows for key in row})
    return pd.DataFrame({column: _series([row.get(column) for row in rows], kind) for column, kind in kinds.items()})


def table_of_columns(name: str, length: int, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Build one table of COLUMNS from whole columns.

    Args:
        name: A key of COLUMNS.
        length: Number of rows.
        columns: A list or array per column; a single value stands for every row, a missing column is null.

    Raises:
        ValueError: A column that the table does not have.
    """
    _refuse_stray(name, columns.keys())
    whole = {
        column: values if isinstance(values := columns.get(column), (list, np.ndarray)) else [values] * length
        for column in COLUMNS[name]
    }
    return pd.DataFrame({column: _series(whole[column], kind) for column, kind in COLUMNS[name].items()})


def _refuse_stray(name: str, found: Iterable[str]) -> None:
    stray = set(found) - COLUMNS[name].keys()
    if stray:
        raise ValueError(f"{name} has no column {', '.join(sorted(stray))}")


def _series(values: list[Any] | np.ndarray, kind: Kind) -> pd.Series:
    if isinstance(values, np.ndarray):
        return pd.Series(values, dtype="float64" if kind == "float" else "Int64" if kind == "int" else "object")
    if kind == "float":
        return pd.Series([math.nan if value is None else float(value) for value in values], dtype="float64")
    if kind == "int":
        return pd.Series([pd.NA if value is None else value for value in values], dtype="Int64")
    # objects keep dates, moments, flags and None as they are
    return pd.Series(values, dtype="object")
