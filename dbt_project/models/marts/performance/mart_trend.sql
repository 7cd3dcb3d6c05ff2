{% set averages = [20, 50, 100, 200] -%}
{# An EMA of alpha 2/21 in blocks of 128 rows: what is older than five blocks weighs less than 1e-22. -#}
{% set block_rows = 128 -%}
{% set keep = '(cast(19 as double) / 21)' -%}

with bars as (
    select
        prices.symbol,
        prices.session_date,
        sessions.session_index,
        prices.high,
        prices.low,
        prices.close,
        prices.volume,
        prices.total_return_index,
        cast(row_number() over (partition by prices.symbol order by prices.session_date asc) - 1 as integer) as i,
        lag(prices.close) over (partition by prices.symbol order by prices.session_date asc) as previous_close,
        {{ period_start('year', 'prices.session_date') }} as year_start
    from {{ ref('fct_price_daily') }} as prices
    inner join {{ ref('dim_session') }} as sessions on prices.session_date = sessions.session_date
),

placed as (
    select
        *,
        cast(floor(i / {{ block_rows }}) as integer) as block,
        i - {{ block_rows }} * cast(floor(i / {{ block_rows }}) as integer) as place,
        cast(coalesce(sign(close - previous_close), 0) as integer) as direction,
        max(close) over (
            partition by symbol
            order by session_date asc
            rows between unbounded preceding and 1 preceding
        ) as earlier_peak
    from bars
),

-- Every running sum is a sum of decimals: of doubles it would change its last digit when another symbol gets a row.
running as (
    select
        *,
        direction <> lag(direction) over by_session as is_turn,
        case when earlier_peak is null or close > earlier_peak then session_date end as peak_session,
        case when earlier_peak is null or close > earlier_peak then session_index end as peak_index,
        greatest(close, earlier_peak) as peak,
        max(total_return_index) over so_far as peak_total_return_index,
        -- the last close of the year before stands in that year's last row
        first_value(previous_close) over this_year as year_base,
        max(close) over this_year as year_peak,
        case
            when i >= 251
                then max(close) over (
                    partition by symbol
                    order by session_date asc
                    rows between 251 preceding and current row
                )
        end as high_252,
        {%- for n in averages %}
        case
            when i >= {{ n - 1 }}
                then cast(sum(cast(close as decimal(38, 4))) over (
                    partition by symbol
                    order by session_date asc
                    rows between {{ n - 1 }} preceding and current row
                ) as double) / {{ n }}
        end as sma_{{ n }},
        {%- endfor %}
        cast(sum(cast(
            case when i = 0 then close else close * 2 / 21 end / power({{ keep }}, place) as decimal(38, 18)
        )) over (
            partition by symbol, block
            order by session_date asc
            rows between unbounded preceding and current row
        ) as double) * power({{ keep }}, place) as ema_of_block,
        case
            when volume is not null then cast(sum(direction * volume) over so_far as bigint)
        end as obv,
        case
            when volume is not null
                then cast(sum(cast(
                    case when high > low then volume * ((close - low) - (high - close)) / (high - low) else 0 end
                    as decimal(38, 6)
                )) over so_far as double)
        end as accumulation_distribution
    from placed
    window
        by_session as (
            partition by symbol
            order by session_date asc
        ),
        so_far as (
            partition by symbol
            order by session_date asc
            rows between unbounded preceding and current row
        ),
        this_year as (
            partition by symbol, year_start
            order by session_date asc
            rows between unbounded preceding and current row
        )
),

highs_252 as (
    select
        ends.symbol,
        ends.session_date,
        min(highs.session_date) as high_252_date
    from running as ends
    inner join running as highs
        on
            ends.symbol = highs.symbol
            and ends.high_252 = highs.close
            and ends.i - 251 <= highs.i
            and ends.i >= highs.i
    group by ends.symbol, ends.session_date
),

block_ends as (
    select
        symbol,
        block + 1 as block,
        ema_of_block
        {%- for n in [1, 2, 3] %}
        + power({{ keep }}, {{ n * block_rows }})
        * coalesce(lag(ema_of_block, {{ n }}) over (partition by symbol order by block asc), 0)
        {%- endfor %} as ema_before
    from running
    where place = {{ block_rows - 1 }}
),

levels as (
    select
        running.*,
        -- nine decimals, because power() differs in its last bits from one C library to the next
        round(running.ema_of_block + power({{ keep }}, running.place + 1) * coalesce(block_ends.ema_before, 0), 9)
            as ema_20,
        highs_252.high_252_date,
        greatest(running.year_peak, running.year_base) as year_high,
        count_if(running.is_turn) over so_far as run,
        max(running.peak_session) over so_far as peak_date,
        max(running.peak_index) over so_far as peak_session_index
    from running
    left join block_ends
        on
            running.symbol = block_ends.symbol
            and running.block = block_ends.block
    left join highs_252
        on
            running.symbol = highs_252.symbol
            and running.session_date = highs_252.session_date
    window so_far as (
        partition by running.symbol
        order by running.session_date asc
        rows between unbounded preceding and current row
    )
),

-- Nine decimals: a ratio of single-precision closes carries no more, and an average equal to the close is not below it.
compared as (
    select
        *,
        {%- for average in ['sma_20', 'sma_50', 'sma_100', 'sma_200', 'ema_20'] %}
        round((close - {{ average }}) / nullif(abs({{ average }}), 0), 9) > 0 as above_{{ average }},
        {%- endfor %}
        round((sma_50 - sma_200) / nullif(abs(sma_200), 0), 9) > 0 as sma_50_above_sma_200
    from levels
)

select
    symbol,
    session_date,
    sma_20,
    sma_50,
    sma_100,
    sma_200,
    ema_20,
    above_sma_20,
    above_sma_50,
    above_sma_100,
    above_sma_200,
    above_ema_20,
    {%- for average in ['sma_20', 'sma_50', 'sma_100', 'sma_200', 'ema_20'] %}
    cast(above_{{ average }} as integer) - cast(lag(above_{{ average }}) over by_session as integer)
        as crossed_{{ average }},
    {%- endfor %}
    cast(sma_50_above_sma_200 as integer) - cast(lag(sma_50_above_sma_200) over by_session as integer)
        as crossed_sma_50_200,
    cast(direction * row_number() over (partition by symbol, run order by session_date asc) as integer)
        as streak_sessions,
    -- twelve decimals, as the base of a later split changes the last bits of both prices
    case when peak > 0 then round(close / peak - 1, 12) end as drawdown_px,
    peak_date,
    cast(session_index - peak_session_index as integer) as sessions_since_peak,
    round(total_return_index / nullif(peak_total_return_index, 0) - 1, 12) as drawdown_tr,
    case when high_252 > 0 then round(close / high_252 - 1, 12) end as drawdown_252d_px,
    high_252_date as peak_252d_date,
    case when year_high > 0 then round(close / year_high - 1, 12) end as drawdown_ytd_high_px,
    case
        when previous_close > 0
            then round(greatest(abs(high / previous_close - 1), abs(low / previous_close - 1)), 12)
    end as max_excursion,
    obv,
    accumulation_distribution
from compared
window by_session as (
    partition by symbol
    order by session_date asc
)
