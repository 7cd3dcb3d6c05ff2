with quarantined as (
    select
        refused.dataset,
        refused.key,
        refused.rule,
        refused.fetched_at as detected_at,
        'warning' as severity,
        refused.row_date,
        refused.detail,
        case
            when accepted.reason is null then 'row kept in quarantine, not used'
            else 'let through when it is asked for again: ' || accepted.reason
        end as resolution
    from {{ ref('stg_quarantine') }} as refused
    left join {{ ref('accepted_answer') }} as accepted
        on
            refused.rule = 'held_back'
            and refused.vendor = accepted.vendor
            and refused.dataset = accepted.dataset
            and refused.key = accepted.key
            and refused.row_date = accepted.row_date
    where refused.revision_rank = 1
),

snapshots as (
    select
        'constituents' as dataset,
        fund as key,
        'snapshot_' || unusable_reason as rule,
        known_at as detected_at,
        'error' as severity,
        as_of_date as row_date,
        lines || ' lines, weights ' || coalesce(cast(round(weight_sum_pct, 2) as varchar), 'unknown') || ' percent, '
        || coalesce(cast(cast(coalesce(lines_before, lines_after) as integer) as varchar), 'unknown')
        || ' lines in the files around' as detail,
        'file kept in fct_holding, not used for membership' as resolution
    from {{ ref('int_holding_file_usable') }}
    where
        not is_usable
        and {{ source_of('book_code') }} = 'all'
),

-- Bands of the real funds; the sandbox market is smaller.
counts as (
    select
        'constituents' as dataset,
        snapshots.fund as key,
        'constituent_count_outside_band' as rule,
        snapshots.known_at as detected_at,
        'warning' as severity,
        snapshots.as_of_date as row_date,
        snapshots.constituents || ' constituents, expected ' || bands.lowest || ' to ' || bands.highest as detail,
        'file used' as resolution
    from {{ ref('int_holding_file_usable') }} as snapshots
    inner join (
        values
        ('R2000', 1850, 2150),
        ('R1000', 950, 1080),
        ('R3000', 2450, 3100),
        ('RMICRO', 1200, 1800),
        ('SP500', 495, 510)
    ) as bands (index_code, lowest, highest) on snapshots.index_code = bands.index_code
    where
        '{{ run_fact("source") }}' = 'live'
        and snapshots.is_usable
        and {{ source_of('snapshots.book_code') }} = 'all'
        and snapshots.constituents not between bands.lowest and bands.highest
),

shares as (
    select
        symbol,
        as_of_date,
        nav_usd,
        shares_outstanding,
        aum_usd,
        known_at,
        misprint_known_at is not null as is_misprint
    from {{ ref('fct_etf_shares') }}
    qualify row_number() over (partition by symbol, as_of_date order by known_at desc) = 1
),

overridden as (
    select
        'etf_shares' as dataset,
        shares.symbol as key,
        overrides.rule,
        shares.known_at as detected_at,
        'warning' as severity,
        shares.as_of_date as row_date,
        overrides.reason as detail,
        'row kept in fct_etf_shares, left out of mart_etf_flow' as resolution
    from shares
    inner join {{ ref('sponsor_print_override') }} as overrides
        on
            shares.symbol = overrides.symbol
            and shares.as_of_date = overrides.as_of_date
    where shares.is_misprint
),

-- Rows on sessions with both numbers that the flow mart refused without an override: they went back within two sessions
-- or contradict the printed net assets.
refused as (
    select
        'etf_shares' as dataset,
        shares.symbol as key,
        'share_spike' as rule,
        shares.known_at as detected_at,
        'error' as severity,
        shares.as_of_date as row_date,
        printf('%.0f', shares.shares_outstanding) || ' shares' as detail,
        'row kept in fct_etf_shares, left out of mart_etf_flow' as resolution
    from shares
    inner join {{ ref('dim_session') }} as sessions on shares.as_of_date = sessions.session_date
    left join {{ ref('mart_etf_flow') }} as flows
        on
            shares.symbol = flows.symbol
            and shares.as_of_date = flows.flow_date
    where
        flows.symbol is null
        and not shares.is_misprint
        and shares.nav_usd > 0
        and shares.shares_outstanding > 0
),

incomplete as (
    select
        'etf_shares' as dataset,
        shares.symbol as key,
        'incomplete_print' as rule,
        shares.known_at as detected_at,
        'warning' as severity,
        shares.as_of_date as row_date,
        'NAV or shares outstanding missing or not positive' as detail,
        'left out of mart_etf_flow, the next day spans it' as resolution
    from shares
    inner join {{ ref('dim_session') }} as sessions on shares.as_of_date = sessions.session_date
    where not coalesce(shares.nav_usd > 0 and shares.shares_outstanding > 0, false)
),

mismatched as (
    select
        'etf_shares' as dataset,
        symbol as key,
        'aum_mismatch' as rule,
        known_at as detected_at,
        'warning' as severity,
        as_of_date as row_date,
        'printed net assets are ' || round(100 * (aum_usd / nullif(nav_usd * shares_outstanding, 0) - 1), 2)
        || ' percent off NAV times shares' as detail,
        'row used' as resolution
    from shares
    where abs(aum_usd / nullif(nav_usd * shares_outstanding, 0) - 1) > 0.001
),

large_flows as (
    select
        'etf_shares' as dataset,
        flows.symbol as key,
        'flow_above_25_pct_aum' as rule,
        shares.known_at as detected_at,
        'warning' as severity,
        flows.flow_date as row_date,
        'flow of ' || round(flows.flow_pct_aum, 1) || ' percent of AUM' as detail,
        'row used' as resolution
    from {{ ref('mart_etf_flow') }} as flows
    inner join shares
        on
            flows.symbol = shares.symbol
            and flows.flow_date = shares.as_of_date
    where abs(flows.flow_pct_aum) > 25
),

-- IWM has creations or redemptions nearly every day; other funds may stand still for weeks.
share_changes as (
    select
        symbol,
        flow_date,
        count_if(flow_usd <> 0) over (partition by symbol order by flow_date) as change_no
    from {{ ref('mart_etf_flow') }}
    where symbol = 'IWM'
),

stale_runs as (
    select
        symbol,
        max(flow_date) as last_date,
        count(*) - 1 as unchanged
    from share_changes
    group by symbol, change_no
    having count(*) > 10
),

stale_shares as (
    select
        'etf_shares' as dataset,
        stale_runs.symbol as key,
        'stale_shares' as rule,
        shares.known_at as detected_at,
        'warning' as severity,
        stale_runs.last_date as row_date,
        'shares outstanding unchanged for ' || stale_runs.unchanged || ' sessions' as detail,
        'rows used' as resolution
    from stale_runs
    inner join shares
        on
            stale_runs.symbol = shares.symbol
            and stale_runs.last_date = shares.as_of_date
),

newest_bar as (
    select
        symbol,
        session_date,
        fetched_at
    from {{ ref('stg_yahoo_bar') }}
    where revision_rank = 1
),

price_steps as (
    select
        symbol,
        session_date,
        close / nullif(lag(close) over (partition by symbol order by session_date), 0) - 1 as return_1d
    from {{ ref('fct_price_daily') }}
),

-- Prices are on one split basis, so a split itself is no step; a step on the day of one is a split applied twice or not
-- at all. Volatility indices and yields move more than prices do.
price_outliers as (
    select
        'prices' as dataset,
        price_steps.symbol as key,
        'return_outlier' as rule,
        newest_bar.fetched_at as detected_at,
        'warning' as severity,
        price_steps.session_date as row_date,
        'return of ' || round(100 * price_steps.return_1d, 1) || ' percent in one session' as detail,
        'row used' as resolution
    from price_steps
    inner join {{ ref('dim_instrument') }} as instruments on price_steps.symbol = instruments.symbol
    inner join newest_bar
        on
            price_steps.symbol = newest_bar.symbol
            and price_steps.session_date = newest_bar.session_date
    where
        instruments.instrument_type in ('etf', 'index')
        and abs(price_steps.return_1d) > case when abs(instruments.leverage) >= 3 then 0.6 else 0.4 end
),

-- By rule, so that a rule that begins to catch something else is seen.
excluded_lines as (
    select
        'constituents' as dataset,
        fund as key,
        'line_' || excluded_reason as rule,
        min(known_at) over (partition by fund, excluded_reason) as detected_at,
        'warning' as severity,
        as_of_date as row_date,
        coalesce(ticker, '-') || coalesce(' ' || name, '') as detail,
        'lines kept in fct_holding, no constituents' as resolution
    from {{ ref('fct_holding') }}
    where not is_constituent
),

identities as (
    select
        identities.identity_key,
        any_value(identities.security_ticker) as security_ticker,
        concat_ws(' ', any_value(identities.security_ticker), max(identities.name)) as description,
        min(identities.first_seen) as first_seen,
        max(identities.last_seen) as last_seen,
        min(snapshots.known_at) as known_at
    from {{ ref('int_security_identity') }} as identities
    inner join {{ ref('int_holding_file') }} as snapshots
        on
            identities.book_code = snapshots.book_code
            and identities.first_node = snapshots.node_no
    group by identities.identity_key
),

ambiguous as (
    select
        'constituents' as dataset,
        later.security_ticker as key,
        'ambiguous_identity' as rule,
        later.known_at as detected_at,
        'warning' as severity,
        later.first_seen as row_date,
        later.description || ' may be ' || earlier.description || ', last seen ' || earlier.last_seen || ': '
        || resolution.rival_reason as detail,
        'kept as two securities until a row of the seed security_override says same or different' as resolution
    from {{ ref('int_security_resolution') }} as resolution
    inner join identities as later on resolution.identity_key = later.identity_key
    inner join identities as earlier on resolution.rival_key = earlier.identity_key
),

-- Funds of one sponsor print one price; where they do not, fct_security_price_daily says which one counts.
member_prices as (
    select
        'constituents' as dataset,
        prices.fund as key,
        'member_price_differs' as rule,
        prices.known_at as detected_at,
        'warning' as severity,
        prices.session_date as row_date,
        securities.ticker || ': ' || prices.funds_agreeing || ' of ' || prices.funds_printing || ' funds print '
        || prices.close_usd || ', prices span ' || prices.spread_usd || ' dollars' as detail,
        'price used that most funds print; see fct_security_price_daily' as resolution
    from {{ ref('fct_security_price_daily') }} as prices
    inner join {{ ref('dim_security') }} as securities on prices.security_id = securities.security_id
    where prices.funds_agreeing < prices.funds_printing
),

member_actions as (
    select
        'constituents' as dataset,
        securities.ticker as key,
        'unresolved_action' as rule,
        actions.known_at as detected_at,
        'warning' as severity,
        actions.ex_date as row_date,
        actions.evidence as detail,
        'earlier prices have no close until a row of the seed security_action_review says what happened' as resolution
    from {{ ref('fct_security_action') }} as actions
    inner join {{ ref('dim_security') }} as securities on actions.security_id = securities.security_id
    where actions.action_type = 'unresolved'
),

member_bars as (
    select
        'member_bars' as dataset,
        symbol as key,
        'member_bar_differs' as rule,
        known_at as detected_at,
        'warning' as severity,
        session_date as row_date,
        'the bar closes at ' || told_close_usd || ' on the day''s basis, and the funds print ' || printed_usd as detail,
        'prices and volume are null in fct_security_bar_daily until a bar agrees with a print again' as resolution
    from {{ ref('fct_security_bar_daily') }}
    -- one of a run is enough
    qualify null_reason is not null and lag(null_reason) over (partition by security_id order by session_date) is null
),

issues as (
    select * from quarantined
    union all
    select * from excluded_lines
    union all
    select * from ambiguous
    union all
    select * from snapshots
    union all
    select * from counts
    union all
    select * from overridden
    union all
    select * from refused
    union all
    select * from incomplete
    union all
    select * from mismatched
    union all
    select * from large_flows
    union all
    select * from stale_shares
    union all
    select * from price_outliers
    union all
    select * from member_prices
    union all
    select * from member_actions
    union all
    select * from member_bars
)

select
    coalesce(dataset, 'unknown') as dataset,
    coalesce(key, 'unknown') as key,
    rule,
    detected_at,
    -- error before warning, in the alphabet too
    min(severity) as severity,
    count(*) || case count(*) when 1 then ' row' else ' rows' end
    || case
        when min(row_date) is null then ''
        when min(row_date) = max(row_date) then ' of ' || min(row_date)
        else ' from ' || min(row_date) || ' to ' || max(row_date)
    end
    || coalesce(': ' || min_by(detail, (row_date, detail)), '') as detail,
    min(resolution) as resolution
from issues
group by coalesce(dataset, 'unknown'), coalesce(key, 'unknown'), rule, detected_at
