{%- set tolerance, step = number_of('split_rule', 'ratio_tolerance'), number_of('split_rule', 'large_ratio_step') %}

-- Where the shares of a line changed by more than the fund's creations explain.
with changes as (
    select
        fund,
        security_id,
        session_date,
        session_index,
        file_no - lag(file_no) over by_file as files_since,
        session_index - lag(session_index) over by_file as gap_sessions,
        lag(session_date) over by_file as session_before,
        shares / lag(shares) over by_file / (fund_scale / lag(fund_scale) over by_file) as share_ratio,
        price_usd / lag(price_usd) over by_file as price_ratio,
        cusip = lag(cusip) over by_file as has_same_cusip,
        coalesce(cusip <> lag(cusip) over by_file, false) as has_new_cusip,
        available_at,
        is_availability_assumed,
        greatest(known_at, lag(known_at) over by_file) as known_at
    from {{ ref('int_security_print') }}
    window by_file as (partition by fund, security_id order by file_no)
),

notable as (
    select
        *,
        abs(ln(share_ratio)) as share_move,
        greatest(share_ratio, 1 / share_ratio) as factor
    from changes
    where abs(ln(share_ratio)) > ln({{ number_of('split_rule', 'least_ratio') }})
),

whole as (
    select
        *,
        case
            when
                factor > {{ number_of('split_rule', 'large_ratio') }}
                and abs(factor / ({{ step }} * round(factor / {{ step }})) - 1) <= {{ tolerance }}
                then {{ step }} * round(factor / {{ step }})
            else round(factor)
        end as whole_factor
    from notable
),

measured as (
    select
        *,
        abs(ln(share_ratio) + ln(price_ratio))
        < {{ number_of('split_rule', 'price_part') }} * share_move as is_made_up_for,
        ln(share_ratio) * ln(price_ratio) < 0
        and least(share_move, abs(ln(price_ratio))) > ln({{ number_of('split_rule', 'unresolved_ratio') }})
        -- a reverse split brings a new CUSIP: with the old one the fund sold while the price rose
        and not (share_ratio < 1 and coalesce(has_same_cusip, false)) as is_large,
        whole_factor > 1 and abs(factor / whole_factor - 1) <= {{ tolerance }} as is_whole_ratio,
        case when share_ratio > 1 then whole_factor else 1 / whole_factor end as whole_ratio,
        case
            {%- for ratio in number_of('split_rule', 'broken_ratios') %}
            when abs(share_ratio / {{ ratio }} - 1) <= {{ tolerance }} then {{ ratio }}
            when abs(share_ratio * {{ ratio }} - 1) <= {{ tolerance }} then 1 / {{ ratio }}
            {%- endfor %}
        end as broken_ratio
    from whole
)

select
    security_id,
    session_date,
    fund,
    session_before,
    cast(gap_sessions as integer) as gap_sessions,
    share_ratio,
    price_ratio,
    has_new_cusip,
    case
        when not is_made_up_for or files_since > 1 then null
        when is_whole_ratio then whole_ratio
        else broken_ratio
    end as new_per_old,
    is_whole_ratio,
    is_large,
    available_at,
    is_availability_assumed,
    known_at
from measured
where
    case
        when is_made_up_for and files_since = 1 then is_whole_ratio or broken_ratio is not null or is_large
        -- the fund bought or sold as well, or the line was away and came back: its shares do not tell the ratio
        else has_new_cusip and is_large
    end
