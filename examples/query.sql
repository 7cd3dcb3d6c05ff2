-- Questions people ask of smallcap.duckdb. Run them all:
--     duckdb -readonly data_lake/smallcap.duckdb < examples/query.sql
-- or paste one into: make query SQL="..."

-- Which data these are: sandbox is a synthetic market, live comes from the vendors.
select release_id, source, as_of_session, built_at from dim_release;

-- Year to date on the newest session: price return (the headline) and total return, as fractions.
select symbol, base_date, session_date, return_px, return_tr
from mart_return
where window_code = 'ytd' and session_date = (select as_of_session from dim_release)
order by return_px desc;

-- IWM less QQQ over five sessions, in percentage points, the last ten sessions.
select session_date, base_date, spread_px_pp, spread_tr_pp
from mart_relative_performance
where symbol = 'IWM' and benchmark_symbol = 'QQQ' and window_code = '5d'
order by session_date desc
limit 10;

-- Between any two dates: the macro takes the last session on or before each of them.
select * from return_between('^RUT', '2026-06-30', '2026-09-30');

-- The same against a benchmark: spreads in percentage points, the price ratio as a fraction.
select * from relative_between('IWM', 'SPY', '2026-06-30', '2026-09-30');

-- The 10-year yield as a reader knew it on each session: observation_date is the day before, or earlier.
select session_date, value, observation_date, available_at, change_bp_5
from mart_macro_daily
where series_id = 'DGS10'
order by session_date desc
limit 10;

-- High-yield spread: level in percent, distance from its 63-session low in basis points.
select session_date, value, change_bp_5, change_bp_21, above_low_63_bp
from mart_macro_daily
where series_id = 'BAMLH0A0HYM2'
order by session_date desc
limit 10;

-- IWM flows of 65 sessions: dollars, percent of the assets before, and when the newest input was out.
select flow_date, flow_usd, flow_65d_usd, flow_65d_pct_aum, flow_65d_zscore, available_at
from mart_etf_flow
where symbol = 'IWM'
order by flow_date desc
limit 10;

-- The newest Russell 2000 reconstitution, read from the holdings of IWM, largest additions first.
select event_id, change_date, change_type, direction, ticker, name, sector, weight_before_pct, weight_after_pct,
    confidence, missing_evidence
from mart_reconstitution_change
where
    index_code = 'R2000'
    and event_id = (select max(event_id) from mart_reconstitution_summary where index_code = 'R2000')
order by weight_after_pct desc nulls last, ticker
limit 20;

-- Who is likely to change tier at the coming reconstitution: in December, as long as that lies ahead.
select
    d.ticker, d.name, f.tier_before, f.tier_forecast, f.change_type, round(f.probability, 3) as probability,
    round(f.above_line_pct, 1) as above_line_pct, f.company_rank, f.as_of_date, f.file_date
from mart_reconstitution_forecast as f
inner join dim_security as d using (security_id)
where
    f.as_of_date = (select max(as_of_date) from mart_reconstitution_forecast)
    and f.change_type in ('MIGRATE_UP_TO_R1000', 'MIGRATE_DOWN_FROM_R1000')
order by f.probability desc, d.ticker
limit 20;

-- How far such forecasts are to be believed: what earlier ones found, missed and called wrongly.
select event_id, moment, change_type, forecast, actual, hits, missed_not_in_files, precision, recall, brier, null_reason
from mart_reconstitution_forecast_score
where forecast is not null or actual is not null
order by as_of_date desc, change_type
limit 30;

-- What moved the Russell 2000 since the end of October: the ten names that added most, in percentage points.
select ticker, name, sector, round(contribution_pp, 3) as contribution_pp
from contribution_between('R2000', '2026-10-30', '2026-11-20')
order by contribution_pp desc, ticker
limit 10;

-- The same by sector, and what all of it comes to.
select coalesce(sector, 'all') as sector, round(sum(contribution_pp), 3) as contribution_pp, count(*) as names
from contribution_between('R2000', '2026-10-30', '2026-11-20')
group by rollup (sector)
order by contribution_pp desc;

-- How well the members' prices explain the index, file by file: the error is in percentage points.
select session_date, gap_sessions, names_covered, covered_weight_pct, replicated_return, index_return_px, error_pp
from mart_index_replication
where index_code = 'R2000'
order by session_date desc
limit 10;

-- Splits of members, the newest first, and how sure they are.
select ex_date, ticker, action_type, ratio, confidence, evidence
from fct_security_action
inner join dim_security using (security_id)
order by ex_date desc, ticker
limit 10;

-- The prices of a name: as printed, and on the basis after its reverse split.
select session_date, close_usd, close, split_factor, fund, funds_agreeing, is_stale
from fct_security_price_daily
where security_id = (select max_by(security_id, (ex_date, security_id)) from fct_security_action where ratio < 1)
order by session_date desc
limit 10;

-- The members of the Russell 2000 that fell most over 21 sessions, and what each weighs.
select ticker, name, session_date, round(100 * return_21d, 1) as return_21d_pct, round(weight_r2000_pct, 3) as weight_pct
from mart_security_daily
inner join dim_security using (security_id)
where
    in_r2000
    and session_date = (select max(session_date) from mart_security_daily where in_r2000 and return_21d is not null)
order by return_21d, ticker
limit 10;

-- How broad the last rises of the Russell 2000 were: names that rose and fell, and both kinds of mean.
select as_of_date, constituents, advancing, declining, equal_weight_return_1d, weighted_return_1d, ten_best_pct_of_rise
from mart_breadth
where index_code = 'R2000' and weighted_return_1d > 0
order by as_of_date desc
limit 10;

-- Price effect of reconstitutions on the Russell 2000, percent from the base date to the effective day, and its error.
select event_id, change_type, names, n_cumulated, base_date, round(100 * mean_cumulated, 2) as mean_pct,
    round(100 * greatest(standard_error_cumulated, standard_error_cumulated_clustered), 2) as error_pct,
    round(100 * published_effect, 1) as published_pct
from mart_reconstitution_effect
where index_code = 'R2000' and day_offset = 0 and n_cumulated > 1
order by event_id desc, change_type;

-- What the Russell 2000's fund had to trade at reconstitutions, and in days of volume where bars of members are stored.
select event_id, change_type, names, names_traded, round(fund_trade_usd / 1e6) as fund_trade_usd_mn, names_with_volume,
    round(median_days_of_volume, 2) as median_days, round(mean_days_of_volume_per_usd_bn, 3) as mean_days_per_usd_bn
from mart_reconstitution_effect
where index_code = 'R2000' and day_offset = 0 and names_traded > 0
order by event_id desc, change_type;

-- Which additions of last June have since left the Russell 2000, and how.
select added.ticker, added.name, added.change_type as added_as, gone.change_date as left_on, gone.change_type as left_as,
    gone.confidence
from mart_reconstitution_change as added
inner join mart_reconstitution_change as gone
    on added.index_code = gone.index_code and added.security_id = gone.security_id
    and gone.direction = 'deletion' and gone.change_date > added.change_date
where
    added.index_code = 'R2000' and added.direction = 'addition'
    and added.event_id = (select max(event_id) from mart_reconstitution_summary where event_id like 'RUSSELL-%-06')
order by left_on, added.ticker;

-- What was known at a moment: share counts and flows that were out by then.
select symbol, flow_date, flow_usd, flow_5d_usd, available_at
from flow_known_at('2026-07-31 18:00:00-04')
where symbol = 'IWM'
order by flow_date desc
limit 3;

-- Coverage: what is stored, what is missing, and since when, by dataset.
select
    dataset,
    count(*) filter (state = 'present') as present,
    count(*) filter (state = 'missing') as missing,
    count(distinct key) filter (state = 'missing') as keys_with_gaps,
    min(session_date) filter (state = 'missing') as first_gap,
    max(session_date) filter (state = 'missing') as last_gap
from fct_coverage
group by dataset
order by dataset;

-- Requests and how they ended; every outcome but ok and empty is a failure.
select
    vendor,
    dataset,
    count(*) as requests,
    count(*) filter (outcome not in ('ok', 'empty')) as failed,
    max(fetched_at) filter (outcome not in ('ok', 'empty')) as last_failure,
    arg_max(detail, fetched_at) filter (outcome not in ('ok', 'empty')) as last_detail
from fct_request_ledger
group by vendor, dataset
order by failed desc, vendor, dataset;

-- What the largest members traded a day on average in the last 63 sessions, and what they paid in a year.
select d.ticker, d.name, count(b.volume) filter (b.session_date > s.first_of_63) as sessions,
    round(avg(b.close_usd * b.volume) filter (b.session_date > s.first_of_63) / 1e6, 1) as volume_usd_mn,
    round(sum(b.dividend_usd), 2) as dividends_usd
from fct_security_bar_daily as b
inner join dim_security as d using (security_id)
cross join (
    select
        min(session_date) filter (back = 63) as first_of_63, min(session_date) filter (back = 252) as first_of_252
    from (select session_date, row_number() over (order by session_date desc) - 1 as back from dim_session where is_closed)
) as s
where b.session_date > s.first_of_252
group by d.ticker, d.name
order by volume_usd_mn desc nulls last, d.ticker
limit 10;
