-- The seed is reviewed by hand; this catches a slip of the hand. Fourth Friday of June, second of December, the session
-- after it, and the steps in their order.
select reconstitutions.event_id
from {{ ref('reconstitution') }} as reconstitutions
left join {{ ref('dim_session') }} as sessions on reconstitutions.effective_date = sessions.session_date
where
    reconstitutions.effective_date <> case month(reconstitutions.effective_date)
        when 6 then {{ nth_friday(period_start('month', 'reconstitutions.effective_date'), 4) }}
        else {{ nth_friday(period_start('month', 'reconstitutions.effective_date'), 2) }}
    end
    or reconstitutions.first_session <> sessions.next_session
    or reconstitutions.rank_date >= coalesce(reconstitutions.prelim_date, reconstitutions.effective_date)
    or reconstitutions.prelim_date >= coalesce(reconstitutions.lockdown_date, reconstitutions.effective_date)
    or reconstitutions.lockdown_date >= reconstitutions.effective_date
