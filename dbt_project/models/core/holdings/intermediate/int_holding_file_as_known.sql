-- Decided between the two parts of the build, see orchestration/securities/lattice.py.
select
    book_code,
    node_no,
    moment_no,
    is_current,
    is_usable,
    unusable_reason,
    lines_before,
    lines_after,
    opening_node,
    before_opening_node,
    closing_node,
    absent_node,
    second_absent_node
from {{ source('securities', 'holding_file_as_known') }}
