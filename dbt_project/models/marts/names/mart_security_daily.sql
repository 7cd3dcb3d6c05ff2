{% set return_windows = [1, 5, 21, 63, 126, 252] -%}
{% set averages = [50, 200] -%}
{% set covered = var('panel_coverage') -%}
{% set n_high = 252 -%}
{% set n_vol = 63 -%}
{% set n_beta = 252 -%}

with days as (
    select * from {{ ref('int_security_day') }}
),

sessions as (
    select
        session_date,
        min(previous_session) over (partition by {{ period_start('year', 'session_date') }}) as year_base
    from {{ ref('dim_session') }}
),

-- A window is a range of session numbers, so a session without a price is a gap in it. All is measured on the basis of
-- the series' beginning, which no later split moves, and shown on the newest.
returns as (
    select
        days.*,
        {%- for n in return_windows %}
        days.level_usd / first_value(days.level_usd) over (
            partition by days.security_id, days.series_no
            order by days.session_index
            range between {{ n }} preceding and {{ n }} preceding
        ) - 1 as return_{{ n }}d,
        {%- endfor %}
        sessions.year_base
    from days
    inner join sessions on days.session_date = sessions.session_date
),

-- Whole numbers of 1e-14: sums of them are exact, in any order.
daily as (
    select
        *,
        cast(ln(1 + return_1d) * 1e14 as decimal(19, 0)) as log_return,
        case when fund_return_1d is not null then cast(return_1d * 1e14 as decimal(19, 0)) end as x,
        case when return_1d is not null then cast(fund_return_1d * 1e14 as decimal(19, 0)) end as y,
        cast(level_usd as decimal(28, 12)) as ticks,
        session_index - first_session_index as i
    from returns
),

rolled as (
    select
        *,
        max(level_usd) over last_{{ n_high }} as high,
        min(level_usd) over last_{{ n_high }} as low,
        max(level_usd) over before_today as high_before,
        min(level_usd) over before_today as low_before,
        {{ panel_sums('level_usd', averages, n_high, n_vol, n_beta) }}
    from daily
    window
        {%- for n in averages + [n_vol, n_high] %}
        last_{{ n }} as (
            partition by security_id, series_no
            order by session_index
            range between {{ n - 1 }} preceding and current row
        ),
        {%- endfor %}
        before_today as (
            partition by security_id, series_no
            order by session_index
            range between {{ n_high - 1 }} preceding and 1 preceding
        )
),

moments as (
    select
        *,
        close / level_usd as scale,
        {%- for n in averages %}
        case
            when level_usd is not null and i >= {{ n - 1 }} and n_{{ n }} >= {{ covered * n }}
                then sum_{{ n }} / n_{{ n }}
        end as mean_{{ n }},
        {%- endfor %}
        {{ panel_deviations() }},
        level_usd is not null and i >= {{ n_high - 1 }} and n_high >= {{ covered * n_high }} as has_high
    from rolled
)

select
    moments.security_id,
    moments.session_date,
    moments.close,
    {%- for n in return_windows %}
    round(moments.return_{{ n }}d, 12) as return_{{ n }}d,
    {%- endfor %}
    round(moments.level_usd / year_bases.level_usd - 1, 12) as return_ytd,
    {%- for n in averages %}
    round(moments.mean_{{ n }} * moments.scale, 9) as sma_{{ n }},
    {%- endfor %}
    {%- for n in averages %}
    moments.level_usd > moments.mean_{{ n }} as is_above_sma_{{ n }},
    {%- endfor %}
    case when moments.has_high then round(moments.high * moments.scale, 6) end as high_252d,
    case when moments.has_high then round(moments.low * moments.scale, 6) end as low_252d,
    case when moments.has_high then moments.level_usd > moments.high_before end as is_new_high_252d,
    case when moments.has_high then moments.level_usd < moments.low_before end as is_new_low_252d,
    case when moments.has_high then round(moments.level_usd / moments.high - 1, 12) end as drawdown_252d,
    case
        when moments.level_usd is not null and moments.i >= {{ n_vol }} and moments.n_vol >= {{ covered * n_vol }}
            then round(100 * sqrt(252 * greatest(moments.ss_l, 0) / (moments.n_vol - 1)), 9)
    end as realised_vol_63_pct,
    case
        when
            moments.level_usd is not null
            and moments.i >= {{ n_beta }}
            and moments.n_beta >= {{ covered * n_beta }}
            and moments.ss_yy > 0
            then round(moments.ss_xy / moments.ss_yy, 9)
    end as beta_252,
    moments.in_r1000,
    moments.in_r2000,
    moments.in_rmicro,
    moments.in_sp500,
    moments.weight_r2000_pct,
    moments.index_code,
    moments.known_at
from moments
left join days as year_bases
    on
        moments.security_id = year_bases.security_id
        and moments.series_no = year_bases.series_no
        and moments.year_base = year_bases.session_date
