-- Decided between the two parts of the build, see orchestration/securities/lattice.py.
select
    book_code,
    moment_no,
    known_moment,
    newest_node,
    newest_date,
    earlier_newest_node,
    earlier_newest_date
from {{ source('securities', 'newest_file_as_known') }}
