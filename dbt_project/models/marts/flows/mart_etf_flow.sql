-- This text is also the macro flow_known_at, there over the rows of fct_etf_shares that were available at its moment.
-- So it reads published tables only, and a print is judged by the later ones that were known by then.
with newest as (
    select
        symbol,
        as_of_date,
        nav_usd,
        -- ProShares prints shares in thousands, restated at splits, which leaves little of an inverse fund's early
        -- ones: assets over NAV hold the digits, and turn the share form of a flow into the assets form
        case when vendor = 'proshares' then 'aum' else 'shares' end as method,
        case when vendor = 'proshares' then aum_usd / nav_usd else shares_outstanding end as shares_outstanding,
        aum_usd as printed_aum_usd,
        misprint_known_at,
        -- the day up to which splits are in the numbers
        case
            when share_basis = 'restated' then coalesce(split_basis_date, as_of_date)
            else as_of_date
        end as basis_date,
        available_at
    from {{ ref('fct_etf_shares') }}
    qualify row_number() over (partition by symbol, as_of_date order by known_at desc) = 1
),

-- A value whose split basis lies in [basis_from, basis_to) has to be carried over every later split.
splits as (
    select
        symbol,
        lag(ex_date, 1, date '0001-01-01') over (partition by symbol order by ex_date asc) as basis_from,
        ex_date as basis_to,
        exp(
            cast(
                sum(cast(ln(value) as decimal(28, 18))) over (
                    partition by symbol
                    order by ex_date desc
                    rows between unbounded preceding and current row
                ) as double
            )
        ) as new_shares_per_old
    from {{ ref('fct_corporate_action') }}
    where action_type = 'split'
),

days as (
    select
        newest.symbol,
        newest.as_of_date as flow_date,
        sessions.session_index,
        newest.method,
        newest.nav_usd,
        newest.shares_outstanding,
        newest.shares_outstanding * newest.nav_usd as aum_usd,
        newest.printed_aum_usd,
        coalesce(splits.new_shares_per_old, 1.0) as new_shares_per_old,
        newest.available_at
    from newest
    -- sponsors print some days on which no share could be created
    inner join {{ ref('dim_session') }} as sessions on newest.as_of_date = sessions.session_date
    left join splits
        on
            newest.symbol = splits.symbol
            and newest.basis_date >= splits.basis_from
            and newest.basis_date < splits.basis_to
    where
        newest.nav_usd > 0
        and newest.shares_outstanding > 0
        and newest.misprint_known_at is null
),

-- Shares on the newest split basis, and those of the days around.
rebased as (
    select
        *,
        shares_outstanding * new_shares_per_old as shares_newest_basis,
        lag(shares_outstanding * new_shares_per_old) over by_day as shares_before,
        lag(aum_usd) over by_day as aum_before,
        lead(shares_outstanding * new_shares_per_old) over by_day as shares_next,
        lead(shares_outstanding * new_shares_per_old, 2) over by_day as shares_second_next,
        lead(session_index) over by_day as next_index,
        lead(session_index, 2) over by_day as second_next_index
    from days
    window by_day as (partition by symbol order by flow_date)
),

large as (
    select
        *,
        coalesce(
            abs(shares_newest_basis - shares_before) / new_shares_per_old * nav_usd > 0.25 * aum_before, false
        ) as is_large,
        case
            when next_index <= session_index + 2
                then (shares_next - shares_newest_basis) / (shares_newest_basis - shares_before)
        end as first_move,
        case
            when second_next_index <= session_index + 2
                then (shares_second_next - shares_newest_basis) / (shares_newest_basis - shares_before)
        end as second_move
    from rebased
),

-- A misprint goes back where it came from. It may stand for two days: then both are wrong.
misprints as (
    select
        *,
        is_large
        and coalesce(first_move < -0.8 or second_move < -0.8 or abs(printed_aum_usd / aum_usd - 1) > 0.01, false)
            as is_misprint,
        is_large and first_move >= -0.8 and second_move < -0.8 as stands_two_days
    from large
),

kept as (
    select
        symbol,
        flow_date,
        session_index,
        method,
        nav_usd,
        shares_outstanding,
        aum_usd,
        new_shares_per_old,
        available_at
    from misprints
    qualify
        not is_misprint
        and lag(stands_two_days) over (partition by symbol order by flow_date) is not true
),

previous as (
    select
        *,
        lag(shares_outstanding) over by_day as previous_shares,
        lag(nav_usd) over by_day as previous_nav_usd,
        lag(session_index) over by_day as previous_index,
        lag(available_at) over by_day as previous_available_at,
        -- ten decimals take off what the logarithms of the split basis add
        round(lag(new_shares_per_old) over by_day / new_shares_per_old, 10) as split_factor,
        first_value(session_index) over by_day as first_index
    from kept
    window by_day as (partition by symbol order by flow_date)
),

moves as (
    select
        *,
        case
            -- NAV is printed to four decimals: what assets over NAV move by less than that is rounding
            when
                method = 'aum'
                and abs(shares_outstanding - previous_shares * split_factor) * nav_usd < 0.00001 * aum_usd
                then 0
            else shares_outstanding - previous_shares * split_factor
        end as shares_created
    from previous
),

flows as (
    select
        symbol,
        flow_date,
        session_index,
        first_index,
        method,
        nav_usd,
        shares_outstanding,
        aum_usd,
        split_factor,
        cast(session_index - previous_index as integer) as span_sessions,
        -- cents as DECIMAL: sums come out the same whatever the order
        cast(shares_created * nav_usd as decimal(20, 2)) as flow_usd,
        100 * shares_created * nav_usd / (previous_shares * previous_nav_usd) as flow_pct_aum,
        greatest(available_at, previous_available_at) as available_at
    from moves
),

-- Windows count sessions, not rows. A flow over a gap lies on the day that ends it.
sums as (
    select
        *,
        case when session_index - first_index >= 5 then sum(flow_usd) over last_5 end as flow_5d_usd,
        case when session_index - first_index >= 20 then sum(flow_usd) over last_20 end as flow_20d_usd,
        case when session_index - first_index >= 65 then sum(flow_usd) over last_65 end as flow_65d_usd,
        case when session_index - first_index >= 252 then sum(flow_usd) over last_252 end as flow_252d_usd,
        last_value(aum_usd) over to_65_ago as aum_65_ago,
        max(available_at) over last_252 as inputs_available_at
    from flows
    window
        last_5 as (partition by symbol order by session_index range between 4 preceding and current row),
        last_20 as (partition by symbol order by session_index range between 19 preceding and current row),
        last_65 as (partition by symbol order by session_index range between 64 preceding and current row),
        last_252 as (partition by symbol order by session_index range between 251 preceding and current row),
        to_65_ago as (partition by symbol order by session_index range between unbounded preceding and 65 preceding)
),

ratios as (
    select
        *,
        100 * cast(flow_65d_usd as double) / aum_65_ago as flow_65d_pct_aum,
        row_number() over (partition by symbol order by session_index) as row_no
    from sums
),

sums_before as (
    select
        *,
        -- null while every sum so far is negative or unknown: a run may then have begun before the first known sum
        max(case when flow_65d_usd >= 0 then row_no end) over so_far as last_row_not_negative,
        count(flow_65d_pct_aum) over before_today as values_756,
        -- moments from exact sums: those of doubles change their last digit with the rows around
        cast(sum(cast(flow_65d_pct_aum as decimal(24, 12))) over before_today as double) as sum_756,
        cast(sum(cast(flow_65d_pct_aum * flow_65d_pct_aum as decimal(30, 12))) over before_today as double)
            as sum_of_squares_756
    from ratios
    window
        so_far as (partition by symbol order by session_index rows between unbounded preceding and current row),
        before_today as (partition by symbol order by session_index range between 756 preceding and 1 preceding)
),

moments as (
    select
        *,
        sum_of_squares_756 - sum_756 * sum_756 / values_756 as squares_around_mean_756
    from sums_before
),

-- Ranks among the values of the frame, which ends with the day's own: it is neither lower nor higher than itself.
ranks as (
    select
        symbol,
        session_index,
        count(flow_65d_pct_aum) over so_far - 1 as values_before,
        rank(order by flow_65d_pct_aum asc nulls last) over so_far - 1 as below,
        rank(order by flow_65d_pct_aum desc nulls last) over so_far - 1 as above,
        rank(order by flow_65d_pct_aum asc nulls last) over last_756 - 1 as below_756,
        rank(order by flow_65d_pct_aum desc nulls last) over last_756 - 1 as above_756
    from ratios
    window
        so_far as (partition by symbol order by session_index rows between unbounded preceding and current row),
        last_756 as (partition by symbol order by session_index range between 756 preceding and current row)
)

select
    moments.symbol,
    moments.flow_date,
    moments.method,
    moments.shares_outstanding,
    moments.nav_usd,
    moments.aum_usd,
    cast(moments.flow_usd as double) as flow_usd,
    moments.flow_pct_aum,
    cast(moments.flow_5d_usd as double) as flow_5d_usd,
    cast(moments.flow_20d_usd as double) as flow_20d_usd,
    cast(moments.flow_65d_usd as double) as flow_65d_usd,
    cast(moments.flow_252d_usd as double) as flow_252d_usd,
    moments.flow_65d_pct_aum,
    case
        -- a spread below what the sums can tell from none is none
        when moments.values_756 >= 504 and moments.squares_around_mean_756 > 1e-9
            then
                (moments.flow_65d_pct_aum - moments.sum_756 / moments.values_756)
                / sqrt(moments.squares_around_mean_756 / (moments.values_756 - 1))
    end as flow_65d_zscore,
    case
        when moments.values_756 >= 504
            then (ranks.below_756 + 0.5 * (moments.values_756 - ranks.below_756 - ranks.above_756)) / moments.values_756
    end as flow_65d_percentile,
    case
        when ranks.values_before >= 504
            then (ranks.below + 0.5 * (ranks.values_before - ranks.below - ranks.above)) / ranks.values_before
    end as flow_65d_percentile_expanding,
    cast(moments.row_no - moments.last_row_not_negative as integer) as negative_run_65d,
    moments.span_sessions,
    moments.split_factor,
    moments.inputs_available_at as available_at
from moments
inner join ranks
    on
        moments.symbol = ranks.symbol
        and moments.session_index = ranks.session_index
