with prices as (
    select
        legs.pair_id,
        legs.symbol,
        legs.benchmark_symbol,
        own.session_date as as_of_date,
        own.close / nullif(benchmark.close, 0) as ratio_px,
        own.total_return_index / nullif(benchmark.total_return_index, 0) as ratio_tr,
        greatest(own.available_at, benchmark.available_at) as available_at
    from {{ ref('valuation_pair') }} as legs
    inner join {{ ref('fct_price_daily') }} as own on legs.symbol = own.symbol
    inner join {{ ref('fct_price_daily') }} as benchmark
        on
            legs.benchmark_symbol = benchmark.symbol
            and own.session_date = benchmark.session_date
),

-- Yahoo sends the inverse of every ratio. No fund of stocks costs less than its earnings of a year, so price to
-- earnings tells which way an answer is written; price to book, near 1 for small value, could not.
valuations as (
    select
        symbol,
        session_date,
        case when price_to_earnings < 1 then 1 / price_to_earnings else price_to_earnings end as price_to_earnings,
        case when price_to_earnings < 1 then 1 / nullif(price_to_book, 0) else nullif(price_to_book, 0) end
            as price_to_book,
        available_at
    from {{ ref('stg_fund_valuation') }}
    where
        revision_rank = 1
        and price_to_earnings > 0
        and session_date >= {{ start_date() }}
        and session_date <= {{ as_of_session() }}
),

snapshots as (
    select
        legs.pair_id,
        legs.symbol,
        legs.benchmark_symbol,
        own.session_date as as_of_date,
        own.price_to_earnings / benchmark.price_to_earnings as ratio_pe,
        own.price_to_book / benchmark.price_to_book as ratio_pb,
        greatest(own.available_at, benchmark.available_at) as available_at
    from {{ ref('valuation_pair') }} as legs
    inner join valuations as own on legs.symbol = own.symbol
    inner join valuations as benchmark
        on
            legs.benchmark_symbol = benchmark.symbol
            and own.session_date = benchmark.session_date
),

measures as (
    {% for source, ratio, measure, is_proxy in [
        ('prices', 'ratio_px', 'price_ratio_px_proxy', true),
        ('prices', 'ratio_tr', 'total_return_ratio_proxy', true),
        ('snapshots', 'ratio_pe', 'price_to_earnings_ratio', false),
        ('snapshots', 'ratio_pb', 'price_to_book_ratio', false),
    ] %}
    select
        pair_id,
        symbol,
        benchmark_symbol,
        as_of_date,
        '{{ measure }}' as measure,
        -- the noise of a division must break no tie
        round({{ ratio }}, 12) as value,
        {{ is_proxy }} as is_proxy,
        available_at
    from {{ source }}
    where {{ ratio }} is not null
    {% if not loop.last %}
    union all
    {% endif %}
    {% endfor %}
),

numbered as (
    select
        *,
        cast(row_number() over (partition by pair_id, measure order by as_of_date) as integer) as position
    from measures
),

{{ values_before('numbered', ['pair_id', 'measure'], 'position', 'value') }},

years as (
    select
        *,
        cast(floor(position / 252) as integer) as year_block
    from numbered
),

-- The 252 values before lie in the row's own block of 252 or in the one before.
values_252 as (
    select
        today.pair_id,
        today.measure,
        today.position,
        count(*) filter (earlier.value < today.value) as below,
        count(*) filter (earlier.value = today.value) as equal
    from years as today
    cross join (values (0), (1)) as offsets (blocks_back)
    inner join years as earlier
        on
            today.pair_id = earlier.pair_id
            and today.measure = earlier.measure
            and today.year_block - offsets.blocks_back = earlier.year_block
            and today.position > earlier.position
            and today.position - 252 <= earlier.position
    where today.position > 252
    group by today.pair_id, today.measure, today.position
)

select
    numbered.pair_id,
    numbered.as_of_date,
    numbered.measure,
    numbered.symbol,
    numbered.benchmark_symbol,
    numbered.value,
    case
        when numbered.position > 504
            then (values_before.below + 0.5 * values_before.equal) / (numbered.position - 1)
    end as percentile,
    (values_252.below + 0.5 * values_252.equal) / 252 as percentile_252d,
    numbered.position - 1 as values_before,
    numbered.is_proxy,
    numbered.available_at
from numbered
inner join values_before
    on
        numbered.pair_id = values_before.pair_id
        and numbered.measure = values_before.measure
        and numbered.position = values_before.position
left join values_252
    on
        numbered.pair_id = values_252.pair_id
        and numbered.measure = values_252.measure
        and numbered.position = values_252.position
