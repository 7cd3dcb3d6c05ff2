with rates as (
    select
        signals.signal_id,
        macro.session_date,
        case
            {%- for n in [1, 5, 21, 63] %}
            when signals.kind = 'rate_change' and signals.window_code = '{{ n }}d' then macro.change_bp_{{ n }}
            when signals.kind = 'rate_move' and signals.window_code = '{{ n }}d' then abs(macro.change_bp_{{ n }})
            {%- endfor %}
            {%- for n in [63, 252] %}
            when signals.kind = 'rate_above_low' and signals.window_code = '{{ n }}d' then macro.above_low_{{ n }}_bp
            {%- endfor %}
        end as value,
        macro.observation_date,
        -- what was known on earlier sessions was available before
        macro.available_at
    from {{ ref('int_signal') }} as signals
    inner join {{ ref('mart_macro_daily') }} as macro on signals.series_id = macro.series_id
    where signals.kind in ('rate_change', 'rate_move', 'rate_above_low')
)

select
    signal_id,
    session_date,
    value,
    observation_date as input_date,
    available_at as inputs_available_at
from rates
where value is not null
