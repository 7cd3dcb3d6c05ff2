with release_dates as (
    select
        release_id,
        release_date,
        fetched_at
    from {{ ref('stg_fred_release_date') }}
    where
        revision_rank = 1
        and release_id in (10, 50)
),

-- FRED drops the old date of a postponed release, the raw zone keeps it. These releases are monthly, so of two dates
-- within three weeks the one learnt later stands.
releases as (
    select
        case release_id when 10 then 'CPI_RELEASE' else 'EMPLOYMENT_RELEASE' end as event_type,
        release_date as event_date,
        case release_id when 10 then 'CPI-' else 'EMPLOYMENT-' end || release_date as event_id,
        case release_id when 10 then 'Consumer Price Index' else 'Employment Situation' end as label,
        'official' as status,
        'https://fred.stlouisfed.org/release?rid=' || release_id as source_url,
        {{ new_york_moment('release_date', '08:30:00') }} as event_at,
        cast(null as date) as announced_on
    from release_dates as this
    where
        not exists (
            select 1
            from release_dates as other
            where
                other.release_id = this.release_id
                and other.fetched_at > this.fetched_at
                and abs(other.release_date - this.release_date) between 1 and 20
        )
),

-- Where the day of the press release is not recorded, 1 October of the year before stands: no schedule came later.
decisions as (
    select
        event_id,
        decision_date,
        source_url,
        coalesce(announced_on, make_date(year(decision_date) - 1, 10, 1)) as announced_on
    from {{ ref('fomc_decision') }}
),

fomc as (
    select
        'FOMC_DECISION' as event_type,
        decision_date as event_date,
        event_id,
        'FOMC rate decision' as label,
        'official' as status,
        source_url,
        {{ new_york_moment('decision_date', '14:00:00') }} as event_at,
        announced_on
    from decisions
    union all
    select
        'FOMC_MINUTES' as event_type,
        {{ add_days('decision_date', 21) }} as event_date,
        event_id,
        'Minutes of the FOMC meeting of ' || decision_date as label,
        'derived' as status,
        source_url,
        {{ new_york_moment(add_days('decision_date', 21), '14:00:00') }} as event_at,
        announced_on
    from decisions
),

reconstitutions as (
    select
        'RUSSELL_RECONSTITUTION' as event_type,
        effective_date as event_date,
        event_id,
        'Russell US reconstitution, effective after the close' as label,
        status,
        source_url,
        {{ new_york_moment('effective_date', '16:00:00') }} as event_at,
        announced_on,
        rank_date,
        prelim_date,
        lockdown_date,
        first_session,
        lockdown_status
    from {{ ref('reconstitution') }}
),

months as (
    select distinct {{ period_start('month', 'session_date') }} as month_start
    from {{ ref('dim_session') }}
    where session_date >= date '2018-01-01'
),

-- IPOs join between reconstitutions: after the third Friday of March and September, and in December. That was the third
-- Friday too until reconstitutions became semi-annual in 2026; since then it is the second, with the reconstitution.
-- In June the reconstitution takes their place. Source: Russell US Equity Indices methodology 7.2, section 9.3.1.
ipo_fridays as (
    select
        case
            when month(month_start) = 12 and year(month_start) >= 2026 then {{ nth_friday('month_start', 2) }}
            else {{ nth_friday('month_start', 3) }}
        end as event_date
    from months
    where month(month_start) in (3, 9, 12)
),

ipo_reviews as (
    select
        'RUSSELL_QUARTERLY_IPO' as event_type,
        ipo_fridays.event_date,
        'RUSSELL-IPO-' || strftime(ipo_fridays.event_date, '%Y-%m') as event_id,
        'Russell quarterly IPO additions, effective after the close' as label,
        'derived' as status,
        'https://www.lseg.com/en/ftse-russell/russell-reconstitution' as source_url,
        {{ new_york_moment('ipo_fridays.event_date', '16:00:00') }} as event_at,
        case
            when month(ipo_fridays.event_date) = 12 and year(ipo_fridays.event_date) >= 2026 then date '2026-02-16'
        end as announced_on,
        cast(null as date) as rank_date,
        cast(null as date) as prelim_date,
        cast(null as date) as lockdown_date,
        sessions.session_date as first_session,
        cast(null as varchar) as lockdown_status
    from ipo_fridays
    inner join {{ ref('dim_session') }} as sessions
        on
            ipo_fridays.event_date < sessions.session_date
            and ipo_fridays.event_date >= sessions.previous_session
),

events as (
    select
        *,
        cast(null as date) as rank_date,
        cast(null as date) as prelim_date,
        cast(null as date) as lockdown_date,
        cast(null as date) as first_session,
        cast(null as varchar) as lockdown_status
    from releases
    union all
    select
        *,
        cast(null as date) as rank_date,
        cast(null as date) as prelim_date,
        cast(null as date) as lockdown_date,
        cast(null as date) as first_session,
        cast(null as varchar) as lockdown_status
    from fomc
    union all
    select * from reconstitutions
    union all
    select * from ipo_reviews
)

select
    event_type,
    event_date,
    event_id,
    label,
    status,
    source_url,
    event_at,
    rank_date,
    prelim_date,
    lockdown_date,
    first_session,
    lockdown_status,
    announced_on
from events
where event_date >= {{ start_date() }}
