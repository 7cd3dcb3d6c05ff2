with lines as (
    select
        lines.security_id,
        lines.security_ticker,
        lines.ticker,
        lines.name,
        lines.cusip,
        lines.isin,
        lines.sedol,
        lines.sector,
        lines.as_of_date,
        -- two funds can show a security on one day: the order makes the newest one unique
        (lines.as_of_date, lines.fund, lines.line_no) as recency
    from {{ ref('int_holding_line') }} as lines
    inner join {{ ref('int_holding_snapshot_usable') }} as snapshots
        on
            lines.fund = snapshots.fund
            and lines.as_of_date = snapshots.as_of_date
            and lines.snapshot_seq = snapshots.snapshot_seq
    where
        lines.is_constituent
        and snapshots.is_usable
),

newest as (
    select
        security_id,
        max_by(security_ticker, recency) as security_ticker,
        max_by(ticker, recency) as ticker,
        max_by(name, recency) filter (name is not null) as name,
        max_by(cusip, recency) filter (cusip is not null) as cusip,
        max_by(isin, recency) filter (isin is not null) as isin,
        max_by(sedol, recency) filter (sedol is not null) as sedol,
        max_by(sector, recency) filter (sector is not null) as sector,
        min(as_of_date) as first_seen,
        max(as_of_date) as last_seen
    from lines
    group by security_id
)

select
    newest.security_id,
    newest.ticker,
    coalesce(share_classes.yahoo_symbol, newest.security_ticker) as yahoo_symbol,
    newest.name,
    newest.cusip,
    newest.isin,
    newest.sedol,
    newest.sector,
    newest.first_seen,
    newest.last_seen
from newest
left join {{ ref('share_class_ticker') }} as share_classes on newest.security_ticker = share_classes.fund_ticker
