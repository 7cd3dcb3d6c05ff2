with lines as (
    select
        fund,
        as_of_date,
        security_id,
        is_constituent,
        price_usd,
        cast(weight_pct as decimal(18, 6)) as weight,
        known_at
    from {{ ref('fct_holding') }}
    -- reports to the SEC are a quarter apart
    where not {{ is_report('vendor') }}
),

-- What a file says of itself decides, not the files around it: those come later.
files as (
    select
        lines.fund,
        lines.as_of_date,
        sessions.session_index,
        sum(case when lines.is_constituent then 1 else 0 end) as constituents,
        coalesce(bool_or(lines.is_constituent and lines.price_usd > 0), false) as is_priced,
        max(lines.known_at) as known_at
    from lines
    inner join {{ ref('dim_session') }} as sessions on lines.as_of_date = sessions.session_date
    group by lines.fund, lines.as_of_date, sessions.session_index
    having {{ is_whole_file('lines.weight', 'lines.is_constituent') }}
),

index_files as (
    select
        funds.index_code,
        files.fund,
        files.as_of_date,
        files.session_index,
        files.constituents,
        files.is_priced,
        files.known_at,
        files.session_index - lag(files.session_index) over by_session as gap_sessions,
        lag(files.is_priced) over by_session as was_priced,
        lag(files.known_at) over by_session as known_before,
        files.session_index - min(files.session_index) over so_far as sessions_before
    from files
    inner join {{ ref('dim_instrument') }} as funds on files.fund = funds.symbol
    where funds.index_code is not null
    window
        by_session as (partition by files.fund order by files.session_index),
        so_far as (
            partition by files.fund order by files.session_index rows between unbounded preceding and current row
        )
),

-- A file can show a security on two lines.
prices as (
    select
        lines.fund,
        lines.security_id,
        index_files.session_index,
        max(lines.price_usd) as price
    from lines
    inner join index_files
        on
            lines.fund = index_files.fund
            and lines.as_of_date = index_files.as_of_date
    where
        lines.is_constituent
        and lines.price_usd > 0
    group by lines.fund, lines.security_id, index_files.session_index
),

-- All windows of one partition and order: one pass over what may be many millions of lines.
windowed as (
    select
        *,
        lag(session_index) over by_session as previous_index,
        lag(price) over by_session as previous_price,
        count(*) over last_50 as prices_50,
        -- decimals: a moving sum of doubles depends on the rows around it
        sum(cast(price as decimal(18, 6))) over last_50 as sum_50
    from prices
    window
        by_session as (partition by fund, security_id order by session_index),
        last_50 as (
            partition by fund, security_id order by session_index range between 49 preceding and current row
        )
),

actions as (
    select
        actions.security_id,
        actions.ratio,
        sessions.session_index
    from {{ ref('fct_security_action') }} as actions
    inner join {{ ref('dim_session') }} as sessions on actions.ex_date = sessions.session_date
    where actions.ratio is not null
),

split_securities as (
    select distinct security_id
    from actions
),

-- The few that ever split, on the basis before their first split, which no later one moves.
rebased as (
    select
        windowed.fund,
        windowed.security_id,
        windowed.session_index,
        windowed.previous_index,
        round(
            windowed.price
            * exp(cast(coalesce(sum(cast(ln(actions.ratio) as decimal(28, 15))), 0) as double)), 6
        ) as price
    from windowed
    inner join split_securities on windowed.security_id = split_securities.security_id
    left join actions
        on
            windowed.security_id = actions.security_id
            and windowed.session_index >= actions.session_index
    group by windowed.fund, windowed.security_id, windowed.session_index, windowed.previous_index, windowed.price
),

averaged as (
    select
        windowed.fund,
        windowed.session_index,
        windowed.previous_index,
        windowed.price,
        windowed.previous_price,
        windowed.prices_50,
        cast(windowed.sum_50 as double) / windowed.prices_50 as mean_50
    from windowed
    left join split_securities on windowed.security_id = split_securities.security_id
    where split_securities.security_id is null
    union all
    select
        fund,
        session_index,
        previous_index,
        price,
        lag(price) over by_session as previous_price,
        count(*) over last_50 as prices_50,
        cast(sum(cast(price as decimal(18, 6))) over last_50 as double) / count(*) over last_50 as mean_50
    from rebased
    window
        by_session as (partition by fund, security_id order by session_index),
        last_50 as (
            partition by fund, security_id order by session_index range between 49 preceding and current row
        )
),

counted as (
    select
        fund,
        session_index,
        sum(case when previous_index = session_index - 1 and price > previous_price then 1 else 0 end) as advancing,
        sum(case when previous_index = session_index - 1 and price < previous_price then 1 else 0 end) as declining,
        sum(case when previous_index = session_index - 1 and price = previous_price then 1 else 0 end) as unchanged,
        sum(case when prices_50 >= 45 then 1 else 0 end) as averaged_50,
        sum(case when prices_50 >= 45 and price > mean_50 then 1 else 0 end) as above_50
    from averaged
    group by fund, session_index
),

ranked as (
    select
        index_code,
        session_date,
        return_1d,
        contribution_pp,
        known_at,
        row_number() over (
            partition by index_code, session_date
            order by contribution_pp desc, security_id asc
        ) as place
    from {{ ref('mart_index_contribution') }}
    where return_1d is not null
),

-- decimals: a sum of doubles depends on the order of the rows
moves as (
    select
        index_code,
        session_date,
        cast(sum(cast(return_1d as decimal(28, 12))) as double) / count(*) as equal_weight_return_1d,
        cast(sum(case when place <= 10 then cast(contribution_pp as decimal(28, 12)) end) as double)
            as ten_best_contribution_pp,
        max(known_at) as known_at
    from ranked
    group by index_code, session_date
),

judged as (
    select
        index_files.*,
        counted.advancing,
        counted.declining,
        counted.unchanged,
        counted.averaged_50,
        counted.above_50,
        case
            when not index_files.is_priced then 'no_prices'
            when index_files.gap_sessions is null or index_files.gap_sessions > 1 then 'no_file_of_previous_session'
            when not index_files.was_priced then 'no_prices_before'
            -- not one price moved: the file is the one of the session before
            when counted.advancing + counted.declining = 0 then 'stale_prices'
        end as null_reason
    from index_files
    left join counted
        on
            index_files.fund = counted.fund
            and index_files.session_index = counted.session_index
),

joined as (
    select
        judged.*,
        moves.equal_weight_return_1d,
        moves.ten_best_contribution_pp,
        moves.known_at as moves_known_at,
        case when moves.index_code is not null then replications.replicated_return end as weighted_return_1d
    from judged
    left join moves
        on
            judged.index_code = moves.index_code
            and judged.as_of_date = moves.session_date
    left join {{ ref('mart_index_replication') }} as replications
        on
            judged.index_code = replications.index_code
            and judged.as_of_date = replications.session_date
)

select
    index_code,
    as_of_date,
    fund,
    cast(constituents as integer) as constituents,
    case when null_reason is null then cast(advancing as integer) end as advancing,
    case when null_reason is null then cast(declining as integer) end as declining,
    case when null_reason is null then cast(unchanged as integer) end as unchanged,
    null_reason,
    case
        when
            sessions_before >= 49
            and averaged_50 >= 0.8 * constituents
            then 100 * cast(above_50 as double) / averaged_50
    end as pct_above_50_sessions,
    cast(coalesce(averaged_50, 0) as integer) as averaged_50_sessions,
    round(equal_weight_return_1d, 12) as equal_weight_return_1d,
    weighted_return_1d,
    ten_best_contribution_pp,
    case
        when weighted_return_1d > 0 then round(ten_best_contribution_pp / weighted_return_1d, 6)
    end as ten_best_pct_of_rise,
    -- greatest() skips nulls
    greatest(known_at, known_before, moves_known_at) as known_at
from joined
