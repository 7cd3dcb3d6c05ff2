"""What a raw table holds: columns, types, key. Written on every Parquet file, never inferred."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa

MOMENT = pa.timestamp("us", tz="UTC")

# Added to every vendor row by the lake.
BOOKKEEPING = pa.schema(
    [
        ("ingest_seq", pa.int64()),  # grows with every append; orders rows fetched at one clock value
        ("fetched_at", MOMENT),  # the warehouse clock when the vendor answered
        ("available_at", MOMENT),  # when the market could first know the row
        ("is_availability_assumed", pa.bool_()),  # modelled from calendar and release lag, not observed
        ("payload_sha256", pa.string()),
        ("request_id", pa.string()),
    ]
)


@dataclass(frozen=True)
class RawTable:
    """One append-only raw table.

    Attributes:
        name: Folder under raw/ and name of the dbt source.
        columns: What the vendor said, in order.
        key: Columns that name one fact; newer rows with the same key are revisions of it.
        tolerance: Relative difference up to which two doubles are the same answer.
        is_snapshot: Rows of one key belong together: an answer is stored whole or, where equal, not at all.
        is_log: Every row is new by its key, which holds the append it came in; nothing stored is compared.
        not_compared: Columns whose change alone makes no revision.
        keeps_availability: A revision restates what the market already knew (a split), so it keeps the first
            availability; elsewhere it is knowable from the moment it was fetched.
        basis_date: Date column of rows that carry a split basis. Where a known split lies between the stored basis
            and the fetched one, the row is stored again even if its values are equal, so that no reader applies the
            split twice.
    """

    name: str
    columns: pa.Schema
    key: tuple[str, ...]
    tolerance: float = 0.0
    is_snapshot: bool = False
    is_log: bool = False
    not_compared: tuple[str, ...] = ()
    keeps_availability: bool = False
    basis_date: str | None = None

    @property
    def schema(self) -> pa.Schema:
        """Columns as stored: the vendor's, then the bookkeeping."""
        return pa.schema([*self.columns, *BOOKKEEPING])


YAHOO_BAR = RawTable(
    "yahoo_bar",
    pa.schema(
        [
            ("symbol", pa.string()),
            ("session_date", pa.date32()),
            ("open", pa.float64()),
            ("high", pa.float64()),
            ("low", pa.float64()),
            ("close", pa.float64()),
            ("volume", pa.int64()),
            # splits with an ex-date up to and including this date are already in the prices
            ("split_basis_date", pa.date32()),
        ]
    ),
    key=("symbol", "session_date"),
    # Yahoo answers in single precision: noise is about 1e-7, a real correction at least a cent
    tolerance=1e-5,
    not_compared=("split_basis_date",),
    keeps_availability=True,
    basis_date="session_date",
)
YAHOO_ACTION = RawTable(
    "yahoo_action",
    pa.schema(
        [
            ("symbol", pa.string()),
            ("ex_date", pa.date32()),
            ("action_type", pa.string()),  # dividend (USD per share), split (new per old share), capital_gain (USD)
            ("value", pa.float64()),
            ("split_basis_date", pa.date32()),
        ]
    ),
    key=("symbol", "ex_date", "action_type"),
    tolerance=1e-5,
    not_compared=("split_basis_date",),
    keeps_availability=True,
    basis_date="ex_date",
)
# The same of the members of the indices, kept apart: there are a hundred times as many. They are read on the basis of
# their own session, where a bar that was fetched before a split needs no second row.
MEMBER_BAR = replace(YAHOO_BAR, name="member_bar", basis_date=None)
MEMBER_ACTION = replace(YAHOO_ACTION, name="member_action", basis_date=None)
OPTION_QUOTE = RawTable(
    "option_quote",
    pa.schema(
        [
            ("underlying", pa.string()),
            ("session_date", pa.date32()),  # the last closed session when the chain was asked for
            ("contract_symbol", pa.string()),
            ("expiry_date", pa.date32()),
            ("side", pa.string()),  # call or put
            ("strike", pa.float64()),
            ("bid", pa.float64()),
            ("ask", pa.float64()),
            ("last_price", pa.float64()),
            ("volume", pa.int64()),  # of the contract's last day of trading, which may lie before the session
            ("open_interest", pa.int64()),  # as of the evening before the session
            ("implied_vol", pa.float64()),  # a year, as a fraction; by Yahoo
            ("last_trade_at", MOMENT),
            ("in_the_money", pa.bool_()),
            ("underlying_price", pa.float64()),
            ("underlying_at", MOMENT),
        ]
    ),
    key=("underlying", "session_date"),
    # put against call compares nothing where half a chain is stored
    is_snapshot=True,
)
FUND_VALUATION = RawTable(
    "fund_valuation",
    pa.schema(
        [
            ("symbol", pa.string()),
            ("session_date", pa.date32()),  # the last closed session when Yahoo was asked
            # as sent: Yahoo sends the inverse of each ratio, 0.04 for a price of 25 times earnings
            ("price_to_earnings", pa.float64()),
            ("price_to_book", pa.float64()),
            ("price_to_sales", pa.float64()),
            ("price_to_cashflow", pa.float64()),
        ]
    ),
    key=("symbol", "session_date"),
)
FRED_OBSERVATION = RawTable(
    "fred_observation",
    pa.schema(
        [
            ("series_id", pa.string()),
            ("observation_date", pa.date32()),
            ("realtime_start", pa.date32()),
            ("value", pa.float64()),  # null where FRED answers "."
        ]
    ),
    key=("series_id", "observation_date", "realtime_start"),
)
FRED_RELEASE_DATE = RawTable(
    "fred_release_date",
    pa.schema([("release_id", pa.int64()), ("release_date", pa.date32())]),
    key=("release_id",),
    # a date that was moved is in the older answer only
    is_snapshot=True,
)
FUND_DAY = RawTable(
    "fund_day",
    pa.schema(
        [
            ("vendor", pa.string()),
            ("symbol", pa.string()),
            ("as_of_date", pa.date32()),
            ("nav_usd", pa.float64()),
            ("shares_outstanding", pa.float64()),
            ("aum_usd", pa.float64()),  # as the sponsor prints it; null where it does not
            ("ex_dividend_usd", pa.float64()),
            # restated = history is rewritten at splits; as_reported = each day as it was printed
            ("share_basis", pa.string()),
            ("split_basis_date", pa.date32()),
        ]
    ),
    key=("vendor", "symbol", "as_of_date"),
    tolerance=1e-9,
    not_compared=("split_basis_date",),
    basis_date="as_of_date",
)
HOLDING_SNAPSHOT = RawTable(
    "holding_snapshot",
    pa.schema(
        [
            ("vendor", pa.string()),
            ("fund", pa.string()),
            ("as_of_date", pa.date32()),  # from the file's header, not from the request
            ("file_format", pa.string()),  # json or csv
            ("lines", pa.int64()),
            ("weight_sum_pct", pa.float64()),
            ("shares_outstanding", pa.float64()),
            ("lines_sha256", pa.string()),  # over the parsed lines: equal content, equal hash
            ("file_path", pa.string()),  # the file as received, below raw/
        ]
    ),
    key=("vendor", "fund", "as_of_date"),
    not_compared=("file_format", "file_path"),
)
HOLDING = RawTable(
    "holding",
    pa.schema(
        [
            ("vendor", pa.string()),
            ("fund", pa.string()),
            ("as_of_date", pa.date32()),
            ("line_no", pa.int64()),
            ("ticker", pa.string()),
            ("name", pa.string()),
            ("sector", pa.string()),
            ("asset_class", pa.string()),
            ("market_value_usd", pa.float64()),
            ("weight_pct", pa.float64()),
            ("notional_value_usd", pa.float64()),
            ("shares", pa.float64()),
            ("price_usd", pa.float64()),
            ("location", pa.string()),
            ("exchange", pa.string()),
            ("currency", pa.string()),
            ("market_currency", pa.string()),
            ("cusip", pa.string()),
            ("isin", pa.string()),
            ("sedol", pa.string()),
        ]
    ),
    key=("vendor", "fund", "as_of_date"),
    is_snapshot=True,
)
FUND_FILING_ENTRY = RawTable(
    "fund_filing_entry",
    pa.schema(
        [
            ("vendor", pa.string()),
            ("fund", pa.string()),
            ("accession", pa.string()),
            ("cik", pa.string()),  # without leading zeros
            ("form", pa.string()),  # NPORT-P, or NPORT-P/A for an amendment
            ("filed_date", pa.date32()),
            ("accepted_at", MOMENT),
        ]
    ),
    key=("vendor", "fund", "accession"),
)
FUND_FILING = RawTable(
    "fund_filing",
    pa.schema(
        [
            ("vendor", pa.string()),
            ("fund", pa.string()),
            ("report_date", pa.date32()),  # end of the period, which may be a Sunday
            ("accession", pa.string()),
            ("cik", pa.string()),
            ("series_id", pa.string()),  # null for a trust that is one fund
            ("book_date", pa.date32()),  # the session whose portfolio the filing shows
            ("form", pa.string()),
            ("filed_date", pa.date32()),
            ("accepted_at", MOMENT),
            ("fiscal_year_end", pa.date32()),
            ("total_assets_usd", pa.float64()),
            ("total_liabilities_usd", pa.float64()),
            ("net_assets_usd", pa.float64()),
            ("cash_usd", pa.float64()),
            ("lines", pa.int64()),  # in the document, stored or not
            ("equity_weight_pct", pa.float64()),  # null where the lines are not stored
            ("lines_sha256", pa.string()),  # over the lines as filed
            ("file_path", pa.string()),  # the document as received, below raw/
        ]
    ),
    key=("vendor", "fund", "report_date", "accession"),
    not_compared=("file_path",),
)
FUND_FILING_LINE = RawTable(
    "fund_filing_line",
    pa.schema(
        [
            ("vendor", pa.string()),
            ("fund", pa.string()),
            ("report_date", pa.date32()),
            ("accession", pa.string()),
            ("line_no", pa.int64()),
            ("name", pa.string()),  # of the issuer
            ("title", pa.string()),  # of the issue: adds the class
            ("lei", pa.string()),
            ("cusip", pa.string()),
            ("isin", pa.string()),
            ("ticker", pa.string()),
            ("other_id", pa.string()),
            ("balance", pa.float64()),  # in units
            ("units", pa.string()),  # NS shares, PA principal, NC contracts, OU other
            ("currency", pa.string()),
            ("value_usd", pa.float64()),
            ("weight_pct", pa.float64()),  # of net assets
            ("payoff", pa.string()),  # Long, Short or null
            ("asset_category", pa.string()),  # EC common equity, STIV cash vehicle, DE equity derivative, OTHER, ...
            ("asset_description", pa.string()),
            ("issuer_category", pa.string()),
            ("country", pa.string()),
            ("is_restricted", pa.bool_()),
            ("fair_value_level", pa.int64()),
            ("on_loan_usd", pa.float64()),
            ("derivative_kind", pa.string()),  # FUT, WAR, ...
            ("notional_usd", pa.float64()),
        ]
    ),
    key=("vendor", "fund", "report_date", "accession"),
    is_snapshot=True,
)
FUND_MONTH = RawTable(
    "fund_month",
    pa.schema(
        [
            ("vendor", pa.string()),
            ("fund", pa.string()),
            ("month_end", pa.date32()),
            ("accession", pa.string()),
            ("report_date", pa.date32()),
            ("sales_usd", pa.float64()),
            ("redemptions_usd", pa.float64()),
            ("reinvested_usd", pa.float64()),
            ("total_return_pct", pa.float64()),
        ]
    ),
    key=("vendor", "fund", "month_end", "accession"),
)
SETTLEMENT_FAIL = RawTable(
    "settlement_fail",
    pa.schema(
        [
            ("vendor", pa.string()),
            ("period_end", pa.date32()),  # last day of the half month that the file is of
            ("cusip", pa.string()),
            ("symbol", pa.string()),  # of the exchange, without separators
            ("name", pa.string()),  # 30 characters of it
            ("first_settlement_date", pa.date32()),  # on which shares under this symbol were not delivered
            ("last_settlement_date", pa.date32()),
            ("file_path", pa.string()),  # the file as received, below raw/
        ]
    ),
    key=("vendor", "period_end"),
    is_snapshot=True,
    not_compared=("file_path",),
)
REQUEST = RawTable(
    "request",
    pa.schema(
        [
            ("vendor", pa.string()),
            ("dataset", pa.string()),
            ("key", pa.string()),  # symbol, series, fund or release asked for
            ("window_start", pa.date32()),
            ("window_end", pa.date32()),
            ("outcome", pa.string()),
            ("http_status", pa.int64()),
            ("rows", pa.int64()),  # rows accepted from the answer, stored before or not
            ("rows_rejected", pa.int64()),
            ("attempts", pa.int64()),
            ("url", pa.string()),  # path and parameters, secrets removed
            ("detail", pa.string()),
            ("payload_bytes", pa.int64()),
        ]
    ),
    key=("request_id",),
    is_log=True,
)
QUARANTINE = RawTable(
    "quarantine",
    pa.schema(
        [
            ("vendor", pa.string()),
            ("dataset", pa.string()),
            ("key", pa.string()),
            ("row_date", pa.date32()),  # session, observation or as-of date of the row, where it has one
            ("rule", pa.string()),
            ("detail", pa.string()),
            ("row_json", pa.string()),
        ]
    ),
    key=("vendor", "dataset", "key", "row_date", "rule", "row_json"),
)

TABLES: dict[str, RawTable] = {
    table.name: table
    for table in (
        YAHOO_BAR,
        YAHOO_ACTION,
        MEMBER_BAR,
        MEMBER_ACTION,
        OPTION_QUOTE,
        FUND_VALUATION,
        FRED_OBSERVATION,
        FRED_RELEASE_DATE,
        FUND_DAY,
        HOLDING_SNAPSHOT,
        HOLDING,
        FUND_FILING_ENTRY,
        FUND_FILING,
        FUND_FILING_LINE,
        FUND_MONTH,
        SETTLEMENT_FAIL,
        REQUEST,
        QUARANTINE,
    )
}
