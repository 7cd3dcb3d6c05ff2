-- What the sponsor's files print of each member. Reports to the SEC are not read: their prices are of another session
-- than their book.
with lines as (
    select
        lines.fund,
        lines.as_of_date,
        sessions.session_index,
        lines.security_id,
        lines.is_constituent,
        lines.price_usd,
        lines.shares,
        cast(lines.market_value_usd as decimal(28, 4)) as market_value_usd,
        cast(lines.weight_pct as decimal(18, 6)) as weight,
        lines.sector,
        lines.cusip,
        lines.vendor,
        lines.known_at,
        lines.available_at
    from {{ ref('int_book_holding') }} as lines
    -- a file of a day without trading repeats the one before
    inner join {{ ref('dim_session') }} as sessions on lines.as_of_date = sessions.session_date
    where
        {{ source_of('lines.book_code') }} = 'all'
        and not {{ is_report('lines.vendor') }}
),

files as (
    select
        fund,
        as_of_date,
        session_index,
        {{ is_whole_file('weight', 'is_constituent') }} as is_whole,
        -- the prices of a file as one number, by which a copy of the file before is told
        bit_xor(hash(security_id, price_usd)) filter (is_constituent and price_usd > 0) as prices,
        any_value(vendor) as vendor,
        max(known_at) as known_at
    from lines
    group by fund, as_of_date, session_index
    having count(case when is_constituent and price_usd > 0 then 1 end) > 0
),

originals as (
    select *
    from files
    qualify prices is distinct from lag(prices) over (partition by fund order by session_index)
),

numbered as (
    select
        originals.fund,
        originals.as_of_date,
        originals.is_whole,
        coalesce(snapshots.is_availability_assumed, true) as is_availability_assumed,
        row_number() over (partition by originals.fund order by originals.session_index) as file_no
    from originals
    left join {{ ref('stg_holding_snapshot') }} as snapshots
        on
            originals.vendor = snapshots.vendor
            and originals.fund = snapshots.fund
            and originals.as_of_date = snapshots.as_of_date
            and snapshots.revision_rank = 1
),

-- A file can show a security on two lines.
prints as (
    select
        lines.fund,
        lines.security_id,
        lines.as_of_date,
        lines.session_index,
        numbered.file_no,
        numbered.is_whole,
        max(lines.price_usd) as price_usd,
        cast(sum(cast(lines.shares as decimal(28, 4))) filter (lines.shares > 0) as double) as shares,
        sum(lines.market_value_usd) as market_value_usd,
        max(lines.sector) as sector,
        max(lines.cusip) as cusip,
        numbered.is_availability_assumed,
        max(lines.available_at) as available_at,
        max(lines.known_at) as known_at
    from lines
    inner join numbered
        on
            lines.fund = numbered.fund
            and lines.as_of_date = numbered.as_of_date
    where
        lines.is_constituent
        and lines.price_usd > 0
    group by
        lines.fund,
        lines.security_id,
        lines.as_of_date,
        lines.session_index,
        numbered.file_no,
        numbered.is_whole,
        numbered.is_availability_assumed
),

changes as (
    select
        fund,
        file_no,
        file_no - lag(file_no) over by_file as files_since,
        shares / lag(shares) over by_file as ratio
    from prints
    window by_file as (partition by fund, security_id order by file_no)
),

-- Creations and redemptions multiply all lines alike: the median line shows by how much.
creations as (
    select
        fund,
        file_no,
        median(ratio) as ratio
    from changes
    where files_since = 1
    group by fund, file_no
),

scales as (
    select
        numbered.fund,
        numbered.file_no,
        -- decimals, because a running sum of doubles depends on the rows around it
        round(exp(cast(
            sum(cast(ln(coalesce(creations.ratio, 1)) as decimal(28, 15))) over (
                partition by numbered.fund
                order by numbered.file_no
                rows between unbounded preceding and current row
            ) as double
        )), 12) as fund_scale
    from numbered
    left join creations
        on
            numbered.fund = creations.fund
            and numbered.file_no = creations.file_no
)

select
    prints.fund,
    funds.index_code,
    prints.security_id,
    prints.as_of_date as session_date,
    prints.session_index,
    cast(prints.file_no as integer) as file_no,
    prints.is_whole,
    prints.price_usd,
    prints.shares,
    scales.fund_scale,
    prints.market_value_usd,
    prints.sector,
    prints.cusip,
    prints.available_at,
    prints.is_availability_assumed,
    prints.known_at
from prints
inner join scales
    on
        prints.fund = scales.fund
        and prints.file_no = scales.file_no
left join {{ ref('dim_instrument') }} as funds on prints.fund = funds.symbol
