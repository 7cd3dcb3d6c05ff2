with recursive horizons as (
    {%- for n in var('outcome_horizons') %}
    select {{ n }} as horizon_sessions{{ '\n    union all' if not loop.last }}
    {%- endfor %}
),

triggers as (
    select * from {{ ref('int_signal_trigger') }}
),

-- From the first trigger on, always the first one whose return begins where that of the one before has ended.
independent as (
    select
        signal_id,
        horizon_sessions,
        min(session_index) as session_index
    from triggers
    group by signal_id, horizon_sessions
    union all
    select
        triggers.signal_id,
        triggers.horizon_sessions,
        triggers.next_independent_index as session_index
    from independent
    inner join triggers
        on
            independent.signal_id = triggers.signal_id
            and independent.horizon_sessions = triggers.horizon_sessions
            and independent.session_index = triggers.session_index
    where triggers.next_independent_index is not null
),

independent_counts as (
    select
        signal_id,
        horizon_sessions,
        count(*) as independent_triggers
    from independent
    group by signal_id, horizon_sessions
),

-- Sums of decimals come out the same whatever the order.
sums as (
    select
        signal_id,
        horizon_sessions,
        count(*) as sessions,
        count(*) filter (is_new = 1) as triggers,
        sum(cast(forward_return as decimal(30, 12))) as sum_all,
        sum(case when is_new = 1 then cast(forward_return as decimal(30, 12)) end) as sum_triggers,
        count(*) filter (is_new = 1 and forward_return > 0) as hits,
        count(*) filter (forward_return > 0) as hits_all,
        median(case when is_new = 1 then forward_return end) as median_return,
        median(forward_return) as median_return_all,
        count(case when is_new = 1 then forward_return_next_close end) as triggers_next_close,
        sum(case when is_new = 1 then cast(forward_return_next_close as decimal(30, 12)) end) as sum_next_close,
        min(case when is_new = 1 then session_date end) as first_trigger,
        max(case when is_new = 1 then session_date end) as last_trigger
    from {{ ref('int_signal_forward') }}
    group by signal_id, horizon_sessions
),

means as (
    select
        *,
        round(cast(sum_triggers as double) / triggers, 12) as mean_return,
        round(cast(sum_all as double) / sessions, 12) as mean_return_all,
        round(cast(sum_next_close as double) / triggers_next_close, 12) as mean_return_next_close
    from sums
),

deviations as (
    select
        triggers.signal_id,
        triggers.horizon_sessions,
        triggers.session_index,
        round(triggers.forward_return - means.mean_return, 12) as deviation
    from triggers
    inner join means
        on
            triggers.signal_id = means.signal_id
            and triggers.horizon_sessions = means.horizon_sessions
),

-- Newey and West (1987) with the lag horizon - 1: two returns that begin d sessions apart share 1 - d / horizon of
-- their sessions, which is the Bartlett weight of their product.
products as (
    select
        this.signal_id,
        this.horizon_sessions,
        sum(cast(
            this.deviation * other.deviation
            * (1 - abs(this.session_index - other.session_index) / cast(this.horizon_sessions as double))
            as decimal(30, 15)
        )) as sum_of_products
    from deviations as this
    inner join deviations as other
        on
            this.signal_id = other.signal_id
            and this.horizon_sessions = other.horizon_sessions
            and abs(this.session_index - other.session_index) < this.horizon_sessions
    group by this.signal_id, this.horizon_sessions
)

select
    signals.signal_id,
    horizons.horizon_sessions,
    coalesce(signals.symbol, '{{ var("outcome_symbol") }}') as symbol,
    cast(coalesce(means.triggers, 0) as integer) as triggers,
    cast(coalesce(counts.independent_triggers, 0) as integer) as independent_triggers,
    cast(coalesce(means.sessions, 0) as integer) as sessions,
    means.first_trigger,
    means.last_trigger,
    means.mean_return,
    means.mean_return_all,
    round(means.mean_return - means.mean_return_all, 12) as difference,
    -- with one independent trigger there is nothing to tell noise from
    case
        when counts.independent_triggers >= 2
            then
                round(
                    sqrt(
                        greatest(cast(products.sum_of_products as double), 0)
                        * counts.independent_triggers / (counts.independent_triggers - 1)
                    ) / means.triggers, 12
                )
    end as standard_error,
    round(means.median_return, 12) as median_return,
    round(means.median_return_all, 12) as median_return_all,
    cast(means.hits as double) / nullif(means.triggers, 0) as hit_rate,
    cast(means.hits_all as double) / nullif(means.sessions, 0) as hit_rate_all,
    means.mean_return_next_close,
    case
        when coalesce(means.triggers, 0) = 0 then 'no trigger'
        when counts.independent_triggers < {{ var("least_independent_triggers") }} then 'too few'
        else 'enough to estimate'
    end as evidence
from {{ ref('int_signal') }} as signals
cross join horizons
left join means
    on
        signals.signal_id = means.signal_id
        and horizons.horizon_sessions = means.horizon_sessions
left join independent_counts as counts
    on
        signals.signal_id = counts.signal_id
        and horizons.horizon_sessions = counts.horizon_sessions
left join products
    on
        signals.signal_id = products.signal_id
        and horizons.horizon_sessions = products.horizon_sessions
