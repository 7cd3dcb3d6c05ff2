select
    session_date,
    open_at,
    close_at,
    is_early_close,
    previous_session,
    next_session,
    cast(row_number() over (order by session_date) as integer) as session_index,
    session_date <= {{ as_of_session() }} as is_closed
from {{ source('reference', 'nyse_session') }}
