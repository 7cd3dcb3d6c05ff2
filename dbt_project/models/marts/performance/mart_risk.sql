{% set kept = kept_by('int_price_change') -%}
{% set yields_kept = kept_by('int_yield_change') -%}

with sessions as (
    select
        session_date,
        previous_session,
        session_index
    from {{ ref('dim_session') }}
    where session_date <= {{ as_of_session() }}
),

windows as (
    {%- for n in [21, 63, 126, 252] %}
    select
        {{ n }} as window_sessions,
        {{ 'false' if n == 21 else 'true' }} as has_betas
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
),

-- Whole numbers of 1e-14: sums of them are exact, and a decimal without places turns into a double ten times faster.
daily as (
    select
        symbol,
        session_date,
        -- a yield at zero has no logarithm
        case when return_px > -1 then cast(ln(1 + return_px) * 1e14 as decimal(19, 0)) end as log_return,
        cast(return_tr * 1e14 as decimal(19, 0)) as return_tr
    from {{ ref('mart_return') }}
    where window_code = '1d'
),

bounds as (
    select
        symbol,
        min(session_date) as first_session,
        max(session_date) as last_session
    from daily
    group by symbol
),

yields as (
    select
        observation_date,
        available_at,
        value,
        row_number() over (
            partition by observation_date
            order by available_at asc, realtime_start asc
        ) as print
    from {{ ref('fct_macro_observation') }}
    where
        series_id = 'DGS10'
        and value is not null
),

-- As first printed, and only what was the newest yield when it came out: a late or corrected one moves no earlier row.
printed as (
    select
        *,
        max(observation_date) over (
            order by available_at asc, observation_date asc
            rows between unbounded preceding and current row
        ) as newest_observation_date
    from yields
    where print = 1
),

changes as (
    select
        observation_date,
        {{ new_york_date('available_at') }} as known_date,
        cast(
            100 * (value - lag(value) over (order by observation_date asc)) * 1e12 as decimal(19, 0)
        ) as change_bp
    from printed
    where observation_date = newest_observation_date
),

known_changes as (
    select
        changes.observation_date,
        changes.change_bp,
        sessions.session_date as known_session
    from changes
    inner join sessions
        on
            changes.known_date <= sessions.session_date
            and changes.known_date > coalesce(sessions.previous_session, date '0001-01-01')
    where changes.change_bp is not null
),

{% if kept -%}
-- The sessions of the longest window of the first row to compute, ...
first_window as (
    select min(session_date) as from_date
    from sessions
    where
        session_index >= (
            select min(sessions.session_index)
            from sessions
            where
                sessions.session_date >= least(
                    (
                        select min(changes.session_date)
                        from {{ kept.changes }} as changes
                        where changes.is_changed
                    ),
                    (
                        select min(yields.session_date)
                        from {{ yields_kept.changes }} as yields
                        where yields.is_changed
                    )
                )
        ) - 253
),

-- ... and the older days whose yields became known in it.
needed as (
    select least(first_window.from_date, min(known_changes.observation_date)) as from_date
    from first_window
    left join known_changes on first_window.from_date <= known_changes.known_session
    group by first_window.from_date
),

needed_sessions as (
    select sessions.*
    from sessions
    inner join needed on needed.from_date <= sessions.session_date
),

{% endif -%}
-- Windows count sessions of the exchange, also those without a bar.
own_running as (
    select
        bounds.symbol,
        sessions.session_date,
        sessions.session_index,
        count(daily.log_return) over so_far as n,
        sum(daily.log_return) over so_far as sum_l,
        sum(daily.log_return * daily.log_return) over so_far as sum_ll
    from bounds
    inner join {{ 'needed_sessions' if kept else 'sessions' }} as sessions
        on
            bounds.first_session <= sessions.session_date
            and bounds.last_session >= sessions.session_date
    left join daily
        on
            bounds.symbol = daily.symbol
            and sessions.session_date = daily.session_date
    window so_far as (
        partition by bounds.symbol
        order by sessions.session_date asc
        rows between unbounded preceding and current row
    )
),

legs as (
    select
        symbol,
        benchmark_symbol
    from {{ ref('pair') }}
    union distinct
    select
        symbol,
        benchmark_symbol
    from {{ ref('dim_instrument') }}
    where benchmark_symbol is not null
    union distinct
    select
        symbol,
        'SPY' as benchmark_symbol
    from {{ ref('dim_instrument') }}
    where
        instrument_type in ('etf', 'index')
        and symbol <> 'SPY'
),

{% if kept -%}
-- A row stands on the bars of both legs and on the yields that were known by its session.
pair_changes as (
    select
        legs.symbol,
        legs.benchmark_symbol,
        own.session_date,
        own.is_changed
        or benchmark.is_changed
        or yields.is_changed as is_changed
    from legs
    inner join {{ kept.changes }} as own on legs.symbol = own.symbol
    inner join {{ kept.changes }} as benchmark
        on
            legs.benchmark_symbol = benchmark.symbol
            and own.session_date = benchmark.session_date
    inner join {{ yields_kept.changes }} as yields on own.session_date = yields.session_date
),

{% endif -%}
own_windows as (
    select
        ends.symbol,
        ends.session_date,
        windows.window_sessions,
        ends.n - coalesce(starts.n, 0) as n,
        ends.sum_l - coalesce(starts.sum_l, 0) as sum_l,
        ends.sum_ll - coalesce(starts.sum_ll, 0) as sum_ll
    from own_running as ends
    cross join windows
    left join own_running as starts
        on
            ends.symbol = starts.symbol
            and ends.session_index - windows.window_sessions = starts.session_index
    {%- if kept %}
    where
        (ends.symbol, ends.session_date)
        in (select changes.symbol, changes.session_date from pair_changes as changes where changes.is_changed)
    {%- endif %}
),

volatilities as (
    select
        symbol,
        session_date,
        window_sessions,
        case
            when 5 * n >= 4 * window_sessions
                then round(100 * sqrt(252 * {{ own_moment('n', 'sum_ll', 'sum_l') }} / (n * (n - 1))) / 1e14, 12)
        end as realised_vol_pct
    from own_windows
),

pair_sessions as (
    select
        legs.symbol,
        legs.benchmark_symbol,
        sessions.session_date,
        sessions.session_index,
        own.symbol is not null and benchmark.symbol is not null as has_bars,
        case when benchmark.return_tr is not null then own.return_tr end as x,
        case when own.return_tr is not null then benchmark.return_tr end as y
    from legs
    inner join bounds as own_bounds on legs.symbol = own_bounds.symbol
    inner join bounds as benchmark_bounds on legs.benchmark_symbol = benchmark_bounds.symbol
    inner join {{ 'needed_sessions' if kept else 'sessions' }} as sessions
        on
            greatest(own_bounds.first_session, benchmark_bounds.first_session) <= sessions.session_date
            and least(own_bounds.last_session, benchmark_bounds.last_session) >= sessions.session_date
    left join daily as own
        on
            legs.symbol = own.symbol
            and sessions.session_date = own.session_date
    left join daily as benchmark
        on
            legs.benchmark_symbol = benchmark.symbol
            and sessions.session_date = benchmark.session_date
),

rates as (
    select
        pair_sessions.symbol,
        pair_sessions.benchmark_symbol,
        known_changes.known_session as session_date,
        count(*) as n_rates,
        sum(pair_sessions.x - pair_sessions.y) as sum_s,
        sum(
            cast(pair_sessions.x - pair_sessions.y as decimal(19, 0))
            * cast(pair_sessions.x - pair_sessions.y as decimal(19, 0))
        ) as sum_ss,
        sum(known_changes.change_bp) as sum_d,
        sum(known_changes.change_bp * known_changes.change_bp) as sum_dd,
        sum(cast(pair_sessions.x - pair_sessions.y as decimal(19, 0)) * known_changes.change_bp) as sum_sd
    from pair_sessions
    inner join known_changes on pair_sessions.session_date = known_changes.observation_date
    where pair_sessions.x is not null
    group by pair_sessions.symbol, pair_sessions.benchmark_symbol, known_changes.known_session
),

running as (
    select
        pair_sessions.symbol,
        pair_sessions.benchmark_symbol,
        pair_sessions.session_date,
        pair_sessions.session_index,
        pair_sessions.has_bars,
        count(pair_sessions.x) over so_far as n,
        sum(pair_sessions.x) over so_far as sum_x,
        sum(pair_sessions.y) over so_far as sum_y,
        sum(pair_sessions.x * pair_sessions.x) over so_far as sum_xx,
        sum(pair_sessions.y * pair_sessions.y) over so_far as sum_yy,
        sum(pair_sessions.x * pair_sessions.y) over so_far as sum_xy,
        sum(rates.n_rates) over so_far as n_rates,
        sum(rates.sum_s) over so_far as sum_s,
        sum(rates.sum_ss) over so_far as sum_ss,
        sum(rates.sum_d) over so_far as sum_d,
        sum(rates.sum_dd) over so_far as sum_dd,
        sum(rates.sum_sd) over so_far as sum_sd
    from pair_sessions
    left join rates
        on
            pair_sessions.symbol = rates.symbol
            and pair_sessions.benchmark_symbol = rates.benchmark_symbol
            and pair_sessions.session_date = rates.session_date
    window so_far as (
        partition by pair_sessions.symbol, pair_sessions.benchmark_symbol
        order by pair_sessions.session_date asc
        rows between unbounded preceding and current row
    )
),

pair_windows as (
    select
        ends.symbol,
        ends.benchmark_symbol,
        ends.session_date,
        windows.window_sessions,
        windows.has_betas,
        ends.n - coalesce(starts.n, 0) as n,
        coalesce(ends.n_rates, 0) - coalesce(starts.n_rates, 0) as n_rates,
        ends.sum_x - coalesce(starts.sum_x, 0) as sum_x,
        ends.sum_y - coalesce(starts.sum_y, 0) as sum_y,
        ends.sum_xx - coalesce(starts.sum_xx, 0) as sum_xx,
        ends.sum_yy - coalesce(starts.sum_yy, 0) as sum_yy,
        ends.sum_xy - coalesce(starts.sum_xy, 0) as sum_xy,
        ends.sum_s - coalesce(starts.sum_s, 0) as sum_s,
        ends.sum_ss - coalesce(starts.sum_ss, 0) as sum_ss,
        ends.sum_d - coalesce(starts.sum_d, 0) as sum_d,
        ends.sum_dd - coalesce(starts.sum_dd, 0) as sum_dd,
        ends.sum_sd - coalesce(starts.sum_sd, 0) as sum_sd
    from running as ends
    cross join windows
    left join running as starts
        on
            ends.symbol = starts.symbol
            and ends.benchmark_symbol = starts.benchmark_symbol
            and ends.session_index - windows.window_sessions = starts.session_index
    {%- if kept %}
    inner join pair_changes as changes
        on
            ends.symbol = changes.symbol
            and ends.benchmark_symbol = changes.benchmark_symbol
            and ends.session_date = changes.session_date
            and changes.is_changed
    {%- endif %}
    where ends.has_bars
),

moments as (
    select
        *,
        {{ co_moment('n', 'sum_xy', 'sum_x', 'sum_y') }} as m_xy,
        {{ own_moment('n', 'sum_xx', 'sum_x') }} as m_xx,
        {{ own_moment('n', 'sum_yy', 'sum_y') }} as m_yy,
        {{ co_moment('n_rates', 'sum_sd', 'sum_s', 'sum_d') }} as m_sd,
        {{ own_moment('n_rates', 'sum_ss', 'sum_s') }} as m_ss,
        {{ own_moment('n_rates', 'sum_dd', 'sum_d') }} as m_dd,
        has_betas and 5 * n >= 4 * window_sessions as has_beta,
        has_betas and 5 * n_rates >= 4 * window_sessions as has_rate_beta
    from pair_windows
),

-- 1e-14 over 1e-12 basis points, and 10000 basis points to the whole
slopes as (
    select
        *,
        case when has_beta then m_xy / nullif(m_yy, 0) end as beta,
        case when has_beta then {{ slope_error('n', 'm_xy', 'm_xx', 'm_yy') }} end as beta_se,
        case when has_rate_beta then 100 * m_sd / nullif(m_dd, 0) end as rate_beta,
        case when has_rate_beta then 100 * {{ slope_error('n_rates', 'm_sd', 'm_ss', 'm_dd') }} end as rate_beta_se
    from moments
)

{% if kept -%}
select rows.*
from {{ kept.rows }} as rows
inner join pair_changes as changes
    on
        rows.symbol = changes.symbol
        and rows.benchmark_symbol = changes.benchmark_symbol
        and rows.session_date = changes.session_date
        and not changes.is_changed
union all
{% endif -%}select
    slopes.symbol,
    slopes.benchmark_symbol,
    slopes.session_date,
    slopes.window_sessions,
    slopes.n as observations,
    round(slopes.beta, 12) as beta,
    round(slopes.beta_se, 12) as beta_se,
    case
        when slopes.has_beta
            then round(slopes.m_xy / nullif(sqrt(slopes.m_xx * slopes.m_yy), 0), 12)
    end as correlation,
    volatilities.realised_vol_pct,
    case when slopes.has_betas then cast(slopes.n_rates as bigint) end as rate_observations,
    round(slopes.rate_beta, 12) as beta_to_ust10_bp,
    round(slopes.rate_beta_se, 12) as beta_to_ust10_se,
    round(slopes.rate_beta / nullif(slopes.rate_beta_se, 0), 12) as beta_to_ust10_t,
    case
        when slopes.has_rate_beta
            then round({{ r_squared('slopes.m_sd', 'slopes.m_ss', 'slopes.m_dd') }}, 12)
    end as beta_to_ust10_r2
from slopes
-- there is one for every symbol, session and window of a slope
inner join volatilities
    on
        slopes.symbol = volatilities.symbol
        and slopes.session_date = volatilities.session_date
        and slopes.window_sessions = volatilities.window_sessions
