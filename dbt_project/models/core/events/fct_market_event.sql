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

-- Three weeks after the decision. A day on which the Federal Reserve is closed publishes nothing: then the business day
-- before.
minutes_by_rule as (
    select
        decisions.event_id,
        case
            when {{ is_bond_holiday('sessions.session_date') }} then sessions.previous_session
            else sessions.session_date
        end as minutes_date
    from decisions
    inner join {{ ref('dim_session') }} as sessions
        on
            {{ add_days('decisions.decision_date', 21) }} >= sessions.session_date
            and {{ add_days('decisions.decision_date', 21) }} < sessions.next_session
),

-- The reviewed date from the day it was named; where that is not recorded, from the day of the decision.
minutes_named as (
    select
        named.event_id,
        named.minutes_date,
        named.status,
        named.source_url,
        coalesce(named.announced_on, decisions.decision_date) as announced_on
    from {{ ref('fomc_minutes') }} as named
    inner join decisions on named.event_id = decisions.event_id
    where coalesce(named.announced_on, decisions.decision_date) <= {{ as_of_session() }}
),

minutes as (
    select
        decisions.event_id,
        decisions.decision_date,
        coalesce(named.minutes_date, by_rule.minutes_date) as minutes_date,
        coalesce(named.status, 'derived') as status,
        coalesce(named.source_url, decisions.source_url) as source_url,
        coalesce(named.announced_on, decisions.announced_on) as announced_on
    from decisions
    inner join minutes_by_rule as by_rule on decisions.event_id = by_rule.event_id
    left join minutes_named as named on decisions.event_id = named.event_id
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
        minutes_date as event_date,
        event_id,
        'Minutes of the FOMC meeting of ' || decision_date as label,
        status,
        source_url,
        {{ new_york_moment('minutes_date', '14:00:00') }} as event_at,
        announced_on
    from minutes
),

-- Where the day of the announcement is not recorded, 1 April of the year stands: no schedule for June came later.
reconstitutions as (
    select
        'RUSSELL_RECONSTITUTION' as event_type,
        effective_date as event_date,
        event_id,
        'Russell US reconstitution, effective after the close' as label,
        status,
        source_url,
        {{ new_york_moment('effective_date', '16:00:00') }} as event_at,
        coalesce(announced_on, make_date(year(effective_date), 4, 1)) as announced_on,
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

-- IPOs join between reconstitutions: after the third Friday of March, September and December. Since reconstitutions
-- became semi-annual, those of December join with the reconstitution, which FTSE Russell announced with it. In June the
-- reconstitution takes their place. Source: Russell US Equity Indices methodology 7.2, section 9.3.1.
ipo_fridays as (
    select
        coalesce(december.event_date, {{ nth_friday('months.month_start', 3) }}) as event_date,
        december.announced_on
    from months
    left join reconstitutions as december
        on
            months.month_start = {{ period_start('month', 'december.event_date') }}
            and december.announced_on <= {{ as_of_session() }}
    where month(months.month_start) in (3, 9, 12)
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
        ipo_fridays.announced_on,
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
),

-- What was announced by the newest closed session. What follows from a rule long in force was known before: the Fridays
-- of June reconstitutions and IPO additions, not the steps of a reconstitution.
known as (
    select
        *,
        coalesce(announced_on <= {{ as_of_session() }}, false) as is_announced,
        event_type = 'RUSSELL_RECONSTITUTION' and month(event_date) = 6 as follows_a_rule
    from events
    where event_date >= {{ start_date() }}
)

select
    event_type,
    event_date,
    event_id,
    label,
    case when follows_a_rule and not is_announced then 'derived' else status end as status,
    source_url,
    event_at,
    {%- for column in ['rank_date', 'prelim_date', 'lockdown_date'] %}
    case when is_announced then {{ column }} end as {{ column }},
    {%- endfor %}
    first_session,
    case when is_announced then lockdown_status end as lockdown_status,
    case when is_announced then announced_on end as announced_on
from known
where
    is_announced
    or announced_on is null
    or follows_a_rule
