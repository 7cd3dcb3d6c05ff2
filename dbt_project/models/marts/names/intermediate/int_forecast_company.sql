-- Every security of the files of an evening, with the value and the rank of its company.
with evenings as (
    select
        event_id,
        as_of_date,
        file_date,
        evening_at,
        known_at
    from {{ ref('int_forecast_evening') }}
    where file_date is not null
),

lines as (
    select
        evenings.event_id,
        evenings.as_of_date,
        files.index_code,
        prints.security_id,
        prints.cusip,
        cast(prints.market_value_usd as double) as market_value_usd
    from evenings
    inner join {{ ref('int_forecast_file') }} as files
        on
            evenings.file_date = files.session_date
            -- the Microcap fund's file may come later than the others
            and evenings.evening_at >= files.available_at
    inner join {{ ref('int_security_print') }} as prints
        on
            files.fund = prints.fund
            and files.session_date = prints.session_date
    where prints.market_value_usd > 0
),

-- The fund of the Russell 3000 holds names of all tiers. It says how many of its dollars one of another fund is worth.
scales as (
    select
        lines.event_id,
        lines.as_of_date,
        lines.index_code,
        median(broad.market_value_usd / lines.market_value_usd) as scale
    from lines
    inner join lines as broad
        on
            lines.event_id = broad.event_id
            and lines.as_of_date = broad.as_of_date
            and lines.security_id = broad.security_id
            and broad.index_code = 'R3000'
    group by lines.event_id, lines.as_of_date, lines.index_code
),

-- The fund of its own tier holds a name by its weight; that of the Russell 3000 holds a sample of the small ones.
placed as (
    select
        lines.event_id,
        lines.as_of_date,
        lines.security_id,
        lines.cusip,
        lines.index_code,
        case lines.index_code when 'R1000' then 1 when 'R2000' then 2 when 'R3000' then 3 else 4 end as place,
        round(cast(lines.market_value_usd * scales.scale as decimal(28, 6)), 4) as value
    from lines
    inner join scales
        on
            lines.event_id = scales.event_id
            and lines.as_of_date = scales.as_of_date
            and lines.index_code = scales.index_code
),

securities as (
    select
        event_id,
        as_of_date,
        security_id,
        min_by(index_code, place) as tier_before,
        min_by(value, place) as value,
        coalesce(left(max(cusip), 6), security_id) as company
    from placed
    group by event_id, as_of_date, security_id
),

companies as (
    select
        event_id,
        as_of_date,
        company,
        sum(value) as value
    from securities
    group by event_id, as_of_date, company
),

ranked as (
    select
        *,
        row_number() over by_value as company_rank,
        sum(value) over by_value as value_so_far
    from companies
    window by_value as (
        partition by event_id, as_of_date
        order by value desc, company asc
        rows between unbounded preceding and current row
    )
),

totals as (
    select
        event_id,
        as_of_date,
        max(value_so_far) as value
    from ranked
    where company_rank <= {{ number_of('forecast_rule', 'r3000e_rank') }}
    group by event_id, as_of_date
),

-- What is in none of the newest files known was bought or delisted since.
newest_files as (
    select
        evenings.event_id,
        evenings.as_of_date,
        files.fund,
        max(files.session_date) as session_date
    from evenings
    inner join {{ ref('int_forecast_file') }} as files
        on
            evenings.file_date <= files.session_date
            and evenings.evening_at >= files.available_at
    group by evenings.event_id, evenings.as_of_date, files.fund
),

held as (
    select
        newest_files.event_id,
        newest_files.as_of_date,
        prints.security_id,
        max(prints.known_at) as known_at
    from newest_files
    inner join {{ ref('int_security_print') }} as prints
        on
            newest_files.fund = prints.fund
            and newest_files.session_date = prints.session_date
    group by newest_files.event_id, newest_files.as_of_date, prints.security_id
)

select
    securities.event_id,
    securities.as_of_date,
    securities.security_id,
    securities.tier_before,
    cast(ranked.value as double) as company_value,
    cast(ranked.company_rank as integer) as company_rank,
    round(100 * cast(ranked.value_so_far as double) / cast(totals.value as double), 9) as cumulative_pct,
    held.security_id is not null as is_still_held,
    greatest(evenings.known_at, held.known_at) as known_at
from securities
inner join evenings
    on
        securities.event_id = evenings.event_id
        and securities.as_of_date = evenings.as_of_date
inner join ranked
    on
        securities.event_id = ranked.event_id
        and securities.as_of_date = ranked.as_of_date
        and securities.company = ranked.company
inner join totals
    on
        securities.event_id = totals.event_id
        and securities.as_of_date = totals.as_of_date
left join held
    on
        securities.event_id = held.event_id
        and securities.as_of_date = held.as_of_date
        and securities.security_id = held.security_id
