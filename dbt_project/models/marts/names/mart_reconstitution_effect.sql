with changes as (
    select
        index_code,
        event_id,
        change_type,
        security_id,
        confidence,
        case
            when confidence = 'LOW' then null
            when direction = 'addition' then weight_after_pct
            else -weight_before_pct
        end as weight_traded_pct
    from {{ ref('mart_reconstitution_change') }}
    where change_type <> 'DELETE_ACQUIRED_OR_DELISTED'
),

-- How many days of its volume a name's trade is for each billion dollars that follow the index.
pressures as (
    select
        changes.*,
        round(abs(changes.weight_traded_pct) / 100 * 1e9 / volumes.mean_volume_usd, 12) as days_per_usd_bn,
        volumes.known_at as volume_known_at
    from changes
    left join {{ ref('int_reconstitution_volume') }} as volumes
        on
            changes.index_code = volumes.index_code
            and changes.event_id = volumes.event_id
            and changes.change_type = volumes.change_type
            and changes.security_id = volumes.security_id
),

kinds as (
    select
        index_code,
        event_id,
        change_type,
        count(*) as names,
        count(case when confidence <> 'LOW' then 1 end) as names_dated,
        count(weight_traded_pct) as names_weighted,
        -- decimals, because a sum of doubles depends on the order the rows arrive in
        cast(sum(cast(weight_traded_pct as decimal(28, 10))) as double) as weight_traded_pct,
        count(days_per_usd_bn) as names_with_volume,
        cast(sum(cast(days_per_usd_bn as decimal(28, 12))) as double) / nullif(count(days_per_usd_bn), 0)
            as mean_days_per_usd_bn,
        median(days_per_usd_bn) as median_days_per_usd_bn,
        max(case when days_per_usd_bn is not null then volume_known_at end) as volume_known_at
    from pressures
    group by index_code, event_id, change_type
),

-- Net assets of the fund that stands for the index, at the effective day's close.
assets as (
    select
        funds.index_code,
        flows.flow_date,
        flows.aum_usd
    from {{ ref('mart_etf_flow') }} as flows
    inner join {{ ref('dim_instrument') }} as funds on flows.symbol = funds.symbol
),

joined as (
    select
        kinds.index_code,
        kinds.event_id,
        kinds.change_type,
        kinds.names,
        kinds.names_dated,
        days.day_offset,
        days.session_date,
        days.phase,
        days.has_file,
        days.gap_sessions,
        days.index_return,
        days.base_date,
        of_day.n,
        of_day.mean_x as mean_abnormal_return,
        of_day.median_x as median_abnormal_return,
        of_day.standard_error,
        of_day.standard_error_clustered,
        of_day.clusters,
        since_base.n as n_cumulated,
        since_base.mean_x as mean_cumulated,
        since_base.median_x as median_cumulated,
        since_base.standard_error as standard_error_cumulated,
        since_base.standard_error_clustered as standard_error_cumulated_clustered,
        case when days.day_offset = 0 then kinds.weight_traded_pct / 100 * assets.aum_usd end as fund_trade_usd,
        case when days.day_offset = 0 and assets.aum_usd is not null then kinds.names_weighted end as names_traded,
        case when days.day_offset = 0 then kinds.names_with_volume end as names_with_volume,
        case when days.day_offset = 0 then kinds.mean_days_per_usd_bn end as mean_days_per_usd_bn,
        case when days.day_offset = 0 then kinds.median_days_per_usd_bn end as median_days_per_usd_bn,
        case when days.day_offset = 0 then assets.aum_usd / 1e9 end as assets_usd_bn,
        case when days.day_offset = 0 then published.effect_pct / 100 end as published_effect,
        case when days.day_offset = 0 then published.study || ': ' || published.caveat end as published_note,
        greatest(
            days.known_at,
            of_day.known_at,
            since_base.known_at,
            case when days.day_offset = 0 then kinds.volume_known_at end
        ) as known_at
    from kinds
    inner join {{ ref('int_reconstitution_day') }} as days
        on
            kinds.index_code = days.index_code
            and kinds.event_id = days.event_id
    left join {{ ref('int_reconstitution_mean') }} as of_day
        on
            kinds.index_code = of_day.index_code
            and kinds.event_id = of_day.event_id
            and kinds.change_type = of_day.change_type
            and days.day_offset = of_day.day_offset
            and of_day.measure = 'day'
    left join {{ ref('int_reconstitution_mean') }} as since_base
        on
            kinds.index_code = since_base.index_code
            and kinds.event_id = since_base.event_id
            and kinds.change_type = since_base.change_type
            and days.day_offset = since_base.day_offset
            and since_base.measure = 'cumulated'
    left join assets
        on
            kinds.index_code = assets.index_code
            and days.session_date = assets.flow_date
    left join {{ ref('published_effect') }} as published
        on
            kinds.index_code = published.index_code
            and kinds.change_type = published.change_type
)

select
    index_code,
    event_id,
    change_type,
    day_offset,
    session_date,
    phase,
    cast(names as integer) as names,
    cast(coalesce(n, 0) as integer) as n,
    round(coalesce(n, 0) / names, 6) as coverage,
    mean_abnormal_return,
    median_abnormal_return,
    standard_error,
    standard_error_clustered,
    cast(clusters as integer) as clusters,
    base_date,
    cast(coalesce(n_cumulated, 0) as integer) as n_cumulated,
    mean_cumulated,
    median_cumulated,
    standard_error_cumulated,
    standard_error_cumulated_clustered,
    round(fund_trade_usd, 2) as fund_trade_usd,
    cast(names_traded as integer) as names_traded,
    cast(names_with_volume as integer) as names_with_volume,
    round(mean_days_per_usd_bn * assets_usd_bn, 9) as mean_days_of_volume,
    round(median_days_per_usd_bn * assets_usd_bn, 9) as median_days_of_volume,
    round(mean_days_per_usd_bn, 9) as mean_days_of_volume_per_usd_bn,
    published_effect,
    published_note,
    case
        when n > 0 then null
        when names_dated = 0 then 'uncertain_changes'
        when not has_file then 'no_file'
        when coalesce(gap_sessions, 0) <> 1 then 'no_file_of_previous_session'
        when index_return is null then 'no_index_return'
        else 'no_prices'
    end as null_reason,
    known_at
from joined
