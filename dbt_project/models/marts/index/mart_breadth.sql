{# The part of the constituents that must count for a share of them to be told. -#}
{% set covered = 0.8 -%}

with lines as (
    select
        fund,
        as_of_date,
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

-- No row where a file repeats the prices of the one before.
counted as (
    select
        prints.fund,
        prints.session_date,
        sum(case when days.return_1d > 0 then 1 else 0 end) as advancing,
        sum(case when days.return_1d < 0 then 1 else 0 end) as declining,
        sum(case when days.return_1d = 0 then 1 else 0 end) as unchanged,
        {%- for n in [50, 200] %}
        count(days.is_above_sma_{{ n }}) as averaged_{{ n }},
        sum(case when days.is_above_sma_{{ n }} then 1 else 0 end) as above_{{ n }},
        {%- endfor %}
        count(days.is_new_high_252d) as with_year,
        sum(case when days.is_new_high_252d then 1 else 0 end) as new_highs,
        sum(case when days.is_new_low_252d then 1 else 0 end) as new_lows,
        max(days.known_at) as known_at
    from {{ ref('int_security_print') }} as prints
    inner join {{ ref('mart_security_daily') }} as days
        on
            prints.security_id = days.security_id
            and prints.session_date = days.session_date
    group by prints.fund, prints.session_date
),

index_files as (
    select
        funds.index_code,
        files.fund,
        files.as_of_date,
        files.constituents,
        files.is_priced,
        counted.fund is not null as is_original,
        files.known_at,
        files.session_index - lag(files.session_index) over by_session as gap_sessions,
        lag(counted.fund is not null) over by_session as was_original,
        lag(files.known_at) over by_session as known_before
    from files
    inner join {{ ref('dim_instrument') }} as funds on files.fund = funds.symbol
    left join counted
        on
            files.fund = counted.fund
            and files.as_of_date = counted.session_date
    where funds.index_code is not null
    window by_session as (partition by files.fund order by files.session_index)
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
        case
            when not index_files.is_priced then 'no_prices'
            when not index_files.is_original then 'stale_prices'
            when index_files.gap_sessions is null or index_files.gap_sessions > 1 then 'no_file_of_previous_session'
            when not index_files.was_original then 'no_prices_before'
        end as null_reason
    from index_files
),

joined as (
    select
        judged.*,
        counted.advancing,
        counted.declining,
        counted.unchanged,
        counted.averaged_50,
        counted.above_50,
        counted.averaged_200,
        counted.above_200,
        counted.with_year,
        counted.new_highs,
        counted.new_lows,
        counted.known_at as measures_known_at,
        moves.equal_weight_return_1d,
        moves.ten_best_contribution_pp,
        moves.known_at as moves_known_at,
        case when moves.index_code is not null then replications.replicated_return end as weighted_return_1d
    from judged
    left join counted
        on
            judged.fund = counted.fund
            and judged.as_of_date = counted.session_date
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
    {%- for count in ['advancing', 'declining', 'unchanged'] %}
    case when null_reason is null then cast({{ count }} as integer) end as {{ count }},
    {%- endfor %}
    null_reason,
    {%- for n in [50, 200] %}
    case
        when averaged_{{ n }} >= {{ covered }} * constituents
            then 100 * cast(above_{{ n }} as double) / averaged_{{ n }}
    end as pct_above_{{ n }}_sessions,
    cast(coalesce(averaged_{{ n }}, 0) as integer) as averaged_{{ n }}_sessions,
    {%- endfor %}
    case when with_year >= {{ covered }} * constituents then cast(new_highs as integer) end as new_highs_252d,
    case when with_year >= {{ covered }} * constituents then cast(new_lows as integer) end as new_lows_252d,
    cast(coalesce(with_year, 0) as integer) as with_252_sessions,
    round(equal_weight_return_1d, 12) as equal_weight_return_1d,
    weighted_return_1d,
    ten_best_contribution_pp,
    case
        when weighted_return_1d > 0 then round(ten_best_contribution_pp / weighted_return_1d, 6)
    end as ten_best_pct_of_rise,
    -- greatest() skips nulls
    greatest(known_at, known_before, measures_known_at, moves_known_at) as known_at
from joined
