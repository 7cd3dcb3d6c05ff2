with triggers as (
    select
        signal_id,
        horizon_sessions,
        session_date,
        session_index,
        forward_return
    from {{ ref('int_signal_forward') }}
    where is_new = 1
)

select
    this.signal_id,
    this.horizon_sessions,
    this.session_date,
    this.session_index,
    this.forward_return,
    min(later.session_index) as next_independent_index
from triggers as this
left join triggers as later
    on
        this.signal_id = later.signal_id
        and this.horizon_sessions = later.horizon_sessions
        and this.session_index + this.horizon_sessions <= later.session_index
group by this.signal_id, this.horizon_sessions, this.session_date, this.session_index, this.forward_return
