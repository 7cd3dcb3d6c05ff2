-- Statements of five news articles on US small caps, each as one query on smallcap.duckdb.
--
-- Every block names the claim, what was published, and the day it was written for. Lines of a block:
--   verdict   what the article has wrong, or what its number leaves open; without one the query confirms it.
--   proxy     what is measured in place of what the article names. Every instrument and every series of the query is
--             named in `published` or here.
--   expect    what the query gives on real data, one value for each of its first columns, with commas between: a number
--             with its tolerance, a date, a word, true or false; or `no rows`.
--   control   goes with `no rows`: the same relation asked without the day. It must give rows on the synthetic market, so
--             that an empty table does not pass for an answer.
--   no free source, not stored
--             why there is no query: nobody publishes it for free, or somebody does and it is not kept here.
-- Returns are price returns of closes, windows count sessions, unless a query says otherwise. Where an article was
-- written during the day, `expect` is the number at the close. Sensitivity to rates (0.6, 4.9) is measured over one window,
-- 252 sessions, with its error.
--
-- Run one: make query SQL="..."

-- claim: 0.1
-- published: the S&P 500 is up about 11 % for the year despite its pullback
-- as of: 2023-10-05
-- expect: 10.90 ± 0.01, -7.21 ± 0.01
select 100 * returns.return_px as ytd_pct, 100 * trend.drawdown_ytd_high_px as pullback_pct
from mart_return as returns
inner join mart_trend as trend using (symbol, session_date)
where returns.symbol = '^GSPC' and returns.session_date = '2023-10-05' and returns.window_code = 'ytd';

-- claim: 0.2
-- published: the Russell 2000 recently went negative for the year
-- as of: 2023-10-05
-- expect: 2023-10-02
select triggered_since, 100 * value as ytd_pct
from mart_signal
where signal_id = 'ytd_negative_rut' and session_date = '2023-10-05';

-- claim: 0.3
-- published: the rally is narrow, the Russell 2000 lags the broad market
-- as of: 2023-10-05
-- proxy: ^GSPC stands for the broad market; RSP, which weights the S&P 500 equally, less SPY stands for how narrow the rally was
-- expect: -12.59 ± 0.01, -12.74 ± 0.01
select spread_px_pp as rut_less_gspc_pp,
    (select spread_px_pp from mart_relative_performance
     where symbol = 'RSP' and benchmark_symbol = 'SPY' and session_date = '2023-10-05' and window_code = 'ytd')
        as equal_weight_less_weighted_pp
from mart_relative_performance
where symbol = '^RUT' and benchmark_symbol = '^GSPC' and session_date = '2023-10-05' and window_code = 'ytd';

-- claim: 0.3
-- published: the Russell 2000 was ahead for a while, before September
-- as of: 2023-10-05
-- verdict: true from the end of May to the end of July; it lost more than that from there to October 5
-- proxy: ^GSPC stands for the broad market
-- expect: 4.70 ± 0.01, -6.35 ± 0.01
select ahead.spread_px_pp as june_and_july_pp, behind.spread_px_pp as since_july_pp
from relative_between('^RUT', '^GSPC', '2023-05-31', '2023-07-31') as ahead
cross join relative_between('^RUT', '^GSPC', '2023-07-31', '2023-10-05') as behind;

-- claim: 0.4
-- published: large technology companies led 2023
-- as of: 2023-10-05
-- verdict: true: 24 points ahead of the market and 36 ahead of small caps for the year
-- proxy: QQQ stands for large technology companies, SPY for the market, IWM for small caps
-- expect: 23.70 ± 0.01, 36.43 ± 0.01
select market.spread_px_pp as qqq_less_spy_pp, -small.spread_px_pp as qqq_less_iwm_pp
from mart_relative_performance as market
inner join mart_relative_performance as small using (session_date, window_code)
where
    market.symbol = 'QQQ' and market.benchmark_symbol = 'SPY' and small.symbol = 'IWM' and small.benchmark_symbol = 'QQQ'
    and session_date = '2023-10-05' and window_code = 'ytd';

-- claim: 0.5
-- published: TZA seeks 300 % of the inverse of the daily Russell 2000
-- as of: 2023-10-05
-- expect: -3 ± 0.1
select beta as daily_slope, correlation
from mart_risk
where symbol = 'TZA' and benchmark_symbol = '^RUT' and session_date = '2023-10-05' and window_sessions = 252;

-- claim: 0.6
-- published: rising rates hurt small caps
-- as of: 2023-10-05
-- verdict: not to be seen over the 252 sessions before: the slope cannot be told from zero
-- proxy: IWM less SPY, total returns, stands for small caps, changes of the 10-year yield for rates
-- expect: 0.22 ± 0.01, 0.39 ± 0.05, 0.00 ± 0.01, 250 ± 0
select
    beta_to_ust10_bp as iwm_less_spy_per_bp_of_10_year, beta_to_ust10_t as t, beta_to_ust10_r2 as r_squared, rate_observations
from mart_risk
where symbol = 'IWM' and benchmark_symbol = 'SPY' and session_date = '2023-10-05' and window_sessions = 252;

-- claim: 0.6
-- published: rates stay higher for longer
-- as of: 2023-10-05
-- verdict: true of the day: the last change was a rise in July, and the 10-year yield had risen by 68 bp in 63 sessions
-- proxy: DFEDTARU, the upper bound of the target range, and DGS10 stand for rates
-- expect: 2023-07-27, 25 ± 0, 68 ± 0.1
select target.last_change_date, target.last_change_bp, ten_years.change_bp_63
from mart_macro_daily as target
inner join mart_macro_daily as ten_years using (session_date)
where target.series_id = 'DFEDTARU' and ten_years.series_id = 'DGS10' and session_date = '2023-10-05';

-- claim: 0.6
-- published: markets had expected rates to come down soon
-- as of: 2023-10-05
-- verdict: true of the two-year yield: below the target rate since 2022-12-16 but for ten sessions
-- proxy: DGS2, the two-year yield, below DFEDTARU, the upper bound of the target range, stands for cuts expected
-- expect: 2022-12-16, 191 ± 0, 201 ± 0
select
    min(session_date) filter (two_years.value < target.value) as first_below,
    count(*) filter (two_years.value < target.value) as sessions_below,
    count(*) filter (session_date >= '2022-12-16') as sessions
from mart_macro_daily as two_years
inner join mart_macro_daily as target using (session_date)
where
    two_years.series_id = 'DGS2' and target.series_id = 'DFEDTARU'
    and session_date between '2022-06-01' and '2023-10-05';

-- claim: 0.7
-- published: inflation is stubborn
-- as of: 2023-10-05
-- proxy: CPIAUCSL, consumer prices of all items, stands for inflation
-- expect: 3.72 ± 0.05, 3.77 ± 0.05
select yoy_pct, annualised_3m_pct, observation_month, series_id
from mart_inflation_monthly
where series_id = 'CPIAUCSL' and known_at <= '2023-10-05 23:59:59-04'
order by observation_month desc, known_at desc
limit 1;

-- claim: 0.7
-- published: inflation is stubborn
-- as of: 2023-10-05
-- verdict: true over twelve months; the last three ran at 2.5 % a year
-- proxy: CPILFESL, consumer prices without food and energy, stands for inflation
-- expect: 4.40 ± 0.05, 2.53 ± 0.05
select yoy_pct, annualised_3m_pct, observation_month, series_id
from mart_inflation_monthly
where series_id = 'CPILFESL' and known_at <= '2023-10-05 23:59:59-04'
order by observation_month desc, known_at desc
limit 1;

-- claim: 1.1
-- published: Russell 2000 +12.45 % against S&P 500 +15.19 % for the year
-- as of: 2025-12-18
-- expect: 12.45 ± 0.01, 15.19 ± 0.01
select 100 * small.return_px as rut_pct, 100 * large.return_px as gspc_pct
from mart_return as small
inner join mart_return as large using (session_date, window_code)
where small.symbol = '^RUT' and large.symbol = '^GSPC' and session_date = '2025-12-18' and window_code = 'ytd';

-- claim: 1.2
-- published: about +19 % of the Russell 2000 against +13.52 % of the S&P 500 over six months
-- as of: 2025-12-18
-- expect: 18.90 ± 0.01, 13.52 ± 0.01, 2025-06-20
select 100 * small.return_px as rut_pct, 100 * large.return_px as gspc_pct, large.base_date
from mart_return as small
inner join mart_return as large using (session_date, window_code)
where small.symbol = '^RUT' and large.symbol = '^GSPC' and session_date = '2025-12-18' and window_code = '126d';

-- claim: 1.3
-- published: small caps have outpaced large caps in recent months
-- as of: 2025-12-18
-- verdict: no window is named, and it decides: true over 126, 63 and 21 sessions, false for the year
-- proxy: ^RUT stands for small caps, ^GSPC for large caps
-- expect: 5.38 ± 0.01, 0.76 ± 0.01, 4.40 ± 0.01, -2.73 ± 0.01
select
    max(spread_px_pp) filter (window_code = '126d') as six_months_pp,
    max(spread_px_pp) filter (window_code = '63d') as three_months_pp,
    max(spread_px_pp) filter (window_code = '21d') as one_month_pp,
    max(spread_px_pp) filter (window_code = 'ytd') as year_to_date_pp
from mart_relative_performance
where symbol = '^RUT' and benchmark_symbol = '^GSPC' and session_date = '2025-12-18';

-- claim: 1.4
-- published: the Russell 2000 down about 8 % from October 20 to November 20, the S&P 500 just under 3 %
-- as of: 2025-12-18
-- expect: -7.79 ± 0.01, -2.92 ± 0.01
select 100 * small.return_px as rut_pct, 100 * large.return_px as gspc_pct
from return_between('^RUT', '2025-10-20', '2025-11-20') as small
cross join return_between('^GSPC', '2025-10-20', '2025-11-20') as large;

-- claim: 1.5
-- published: small caps are more volatile, a high-beta play
-- as of: 2025-12-18
-- verdict: more volatile is true: 20.3 against 11.8 % a year over 21 sessions; high beta is not: 1.04 over 252 sessions
-- proxy: IWM stands for small caps, SPY (in its row against ^GSPC) for large caps
-- expect: 20.27 ± 0.01, 11.79 ± 0.01, 1.72 ± 0.01, 1.036 ± 0.001
select
    small.realised_vol_pct as iwm_vol_21_pct, large.realised_vol_pct as spy_vol_21_pct,
    small.realised_vol_pct / large.realised_vol_pct as vol_ratio, year.beta as iwm_beta_252
from mart_risk as small
inner join mart_risk as large using (session_date, window_sessions)
inner join mart_risk as year using (session_date)
where
    small.symbol = 'IWM' and small.benchmark_symbol = 'SPY' and large.symbol = 'SPY' and large.benchmark_symbol = '^GSPC'
    and window_sessions = 21 and session_date = '2025-12-18'
    and year.symbol = 'IWM' and year.benchmark_symbol = 'SPY' and year.window_sessions = 252;

-- claim: 1.6
-- published: the Fed cut rates recently
-- as of: 2025-12-18
-- expect: 2025-12-11, -25 ± 0.01
select observation_date as in_force_from, 100 * (value - before) as change_bp
from (
    select *, lag(value) over (order by observation_date) as before
    from macro_known_at('2025-12-18 23:59:59-05')
    where series_id = 'DFEDTARU'
)
where value <> before
order by observation_date desc
limit 1;

-- claim: 1.7
-- published: TNA about +13 % for the year, about +53 % in six months, above its 20-day EMA and 50- and 200-day averages
-- as of: 2025-12-18
-- expect: 12.73 ± 0.01, 53.18 ± 0.01, true, true, true
select
    100 * year_to_date.return_px as ytd_pct, 100 * six_months.return_px as six_months_pct,
    trend.above_ema_20, trend.above_sma_50, trend.above_sma_200
from mart_trend as trend
inner join mart_return as year_to_date using (symbol, session_date)
inner join mart_return as six_months using (symbol, session_date)
where
    symbol = 'TNA' and session_date = '2025-12-18'
    and year_to_date.window_code = 'ytd' and six_months.window_code = '126d';

-- claim: 1.7
-- published: TNA holds above its 20-day line
-- as of: 2025-12-18
-- verdict: true of both lines; of the exponential one by 0.2 % only, after a close below it the day before
-- expect: true, true, 1.24 ± 0.01, 0.22 ± 0.01, false
select
    trend.above_sma_20, trend.above_ema_20, 100 * (bar.close / trend.sma_20 - 1) as above_sma_20_pct,
    100 * (bar.close / trend.ema_20 - 1) as above_ema_20_pct,
    (select above_ema_20 from mart_trend where symbol = 'TNA' and session_date = '2025-12-17') as above_ema_20_day_before
from mart_trend as trend
inner join fct_price_daily as bar using (symbol, session_date)
where symbol = 'TNA' and session_date = '2025-12-18';

-- claim: 1.8
-- published: TZA -44 % for the year, more than +10 % over five sessions, below its averages
-- as of: 2025-12-18
-- expect: -43.64 ± 0.01, 10.09 ± 0.01, false, false
select
    100 * year_to_date.return_px as ytd_pct, 100 * five.return_px as five_sessions_pct,
    trend.above_sma_50, trend.above_sma_200
from mart_trend as trend
inner join mart_return as five using (symbol, session_date)
inner join mart_return as year_to_date using (symbol, session_date)
where
    symbol = 'TZA' and session_date = '2025-12-18' and five.window_code = '5d'
    and year_to_date.window_code = 'ytd';

-- claim: 1.8
-- published: the volume of TZA rises in the fourth quarter
-- as of: 2025-12-18
-- verdict: true of the sessions up to that day, by mean volume of a session
-- expect: 2.172 ± 0.001, 56 ± 0
with volumes as (
    select session_date, volume
    from fct_price_daily
    where symbol = 'TZA' and session_date between '2025-07-01' and '2025-12-18'
)
select
    avg(volume) filter (session_date >= '2025-10-01') / avg(volume) filter (session_date < '2025-10-01') as q4_volume_over_q3,
    count(*) filter (session_date >= '2025-10-01') as sessions_of_q4
from volumes;

-- claim: 1.8
-- published: accumulation in TZA in the fourth quarter
-- as of: 2025-12-18
-- verdict: two measures disagree: on-balance volume fell since September 30, accumulation/distribution rose
-- expect: -3.52 ± 0.01, 36.82 ± 0.01
select
    (today.obv - quarter_end.obv) / 1e6 as obv_change_mn_shares,
    (today.accumulation_distribution - quarter_end.accumulation_distribution) / 1e6 as accumulation_change_mn_shares
from mart_trend as today
inner join mart_trend as quarter_end using (symbol)
where symbol = 'TZA' and today.session_date = '2025-12-18' and quarter_end.session_date = '2025-09-30';

-- claim: 1.9
-- published: compounding makes leveraged funds diverge significantly from their multiple
-- as of: 2025-12-18
-- verdict: true of 126 sessions, in favour of the holders of both, as after long moves one way
-- proxy: TNA and TZA stand for leveraged funds
-- expect: 9.86 ± 0.01, 2.40 ± 0.01, -56.69 ± 0.01, -46.83 ± 0.01, -44.16 ± 0.01
select
    100 * bear.compounding_effect as tza_ideal_less_multiple_pp, 100 * bull.compounding_effect as tna_ideal_less_multiple_pp,
    100 * bear.multiple_of_benchmark as tza_multiple_pct, 100 * bear.ideal_daily_reset as tza_ideal_pct,
    100 * bear.fund_return as tza_pct
from mart_leverage as bear
inner join mart_leverage as bull using (session_date, window_code)
where bear.symbol = 'TZA' and bull.symbol = 'TNA' and session_date = '2025-12-18' and window_code = '126d';

-- claim: 1.10
-- published: +19 % shows risk appetite; flows lift and sink small caps
-- as of: 2025-12-18
-- proxy: IWM stands for small caps; a net sum that came in says nothing about why
-- expect: 5.04 ± 0.01
select flow_20d_usd / 1e9 as iwm_flow_20_sessions_bn_usd, 100 * flow_20d_usd / aum_usd as pct_of_aum, flow_date
from flow_known_at('2025-12-18 23:59:59-05')
where symbol = 'IWM'
order by flow_date desc
limit 1;

-- claim: 1.11
-- published: a move of 20 to 50 bp in the 10-year yield alters the cost of funding
-- as of: 2025-12-18
-- verdict: no such move then: +3 bp over 21 sessions
-- expect: 3 ± 0.01, false
select change_bp_21, abs(change_bp_21) >= 20 and abs(change_bp_21) < 50 as is_in_band
from mart_macro_daily
where series_id = 'DGS10' and session_date = '2025-12-18';

-- claim: 1.12
-- published: tail risk of moves beyond 15 % within a day in TNA and TZA
-- as of: 2025-12-18
-- expect: 77 ± 0, 78 ± 0, 15 ± 0
select
    count(*) filter (signal_id = 'leveraged_excursion_tna') as tna_days,
    count(*) filter (signal_id = 'leveraged_excursion_tza') as tza_days,
    count(*) filter (signal_id = 'leveraged_excursion_tna' and session_date >= '2021-01-01') as tna_days_since_2021
from mart_signal
where signal_id in ('leveraged_excursion_tna', 'leveraged_excursion_tza') and is_triggered and session_date <= '2025-12-18';

-- claim: 1.13
-- published: leveraged funds are for days to weeks, plain ones for weeks to quarters
-- as of: 2025-12-18
-- verdict: advice, not a number; what stands behind it: the longer the window, the further from three times the index
-- proxy: TNA stands for leveraged funds
-- expect: 0.27 ± 0.01, 1.14 ± 0.01, 3.32 ± 0.01, 16.01 ± 0.01
select
    100 * avg(abs(compounding_effect)) filter (window_code = '5d') as five_sessions_pp,
    100 * avg(abs(compounding_effect)) filter (window_code = '21d') as one_month_pp,
    100 * avg(abs(compounding_effect)) filter (window_code = '63d') as one_quarter_pp,
    100 * avg(abs(compounding_effect)) filter (window_code = '252d') as one_year_pp
from mart_leverage
where symbol = 'TNA' and session_date <= '2025-12-18';

-- claim: 1.14
-- published: clusters of gamma in the options of small caps
-- as of: 2025-12-18
-- verdict: no free history: the chains are kept from the first run on, then by strike and expiry
-- proxy: options on IWM stand for those on small caps
-- expect: no rows
-- control: select strike from mart_option_strike where underlying = 'IWM' and gamma_usd_per_pct is not null;
select strike, sum(gamma_usd_per_pct) as gamma_usd_per_pct, sum(open_interest_call + open_interest_put) as open_interest
from mart_option_strike
where underlying = 'IWM' and session_date = '2025-12-18'
group by strike
order by gamma_usd_per_pct desc
limit 10;

-- claim: 1.15
-- published: calendar rebalances, quarterly index reconstitutions
-- as of: 2025-12-18
-- verdict: false as stated: reconstitution was once a year until June 2026 and twice since; quarterly are IPO additions
-- expect: 1 ± 0, 3 ± 0
select
    count(*) filter (event_type = 'RUSSELL_RECONSTITUTION') as reconstitutions,
    count(*) filter (event_type = 'RUSSELL_QUARTERLY_IPO') as quarterly_ipo_additions
from fct_market_event
where year(event_date) = 2025;

-- claim: 1.16
-- published: catalysts of the next 30 to 90 days: CPI, Fed minutes
-- as of: 2025-12-18
-- expect: 2026-01-13, 3 ± 0, 2025-12-30, 2 ± 0
select
    min(event_date) filter (event_type = 'CPI_RELEASE') as next_cpi, count(*) filter (event_type = 'CPI_RELEASE') as cpis,
    min(event_date) filter (event_type = 'FOMC_MINUTES') as next_minutes,
    count(*) filter (event_type = 'FOMC_MINUTES') as minutes
from fct_market_event
where event_date > '2025-12-18' and event_date <= date '2025-12-18' + 90;

-- claim: 1.17
-- published: IWM for one to three months (targets +10 to 15 %), TNA for two to eight weeks (+20 to 40 %)
-- as of: 2025-12-18
-- verdict: advice, not a number; how often the lower target stood after a month and a quarter
-- expect: 4.43 ± 0.01, 18.85 ± 0.01, 14.10 ± 0.01, 30.51 ± 0.01
select
    100 * avg(cast(return_px >= 0.10 as integer)) filter (symbol = 'IWM' and window_code = '21d') as iwm_month_pct,
    100 * avg(cast(return_px >= 0.10 as integer)) filter (symbol = 'IWM' and window_code = '63d') as iwm_quarter_pct,
    100 * avg(cast(return_px >= 0.20 as integer)) filter (symbol = 'TNA' and window_code = '21d') as tna_month_pct,
    100 * avg(cast(return_px >= 0.20 as integer)) filter (symbol = 'TNA' and window_code = '63d') as tna_quarter_pct
from mart_return
where session_date <= '2025-12-18';

-- claim: 1.18
-- published: long IWM against short SPY, dollar neutral
-- as of: 2026-08-20
-- expect: 6.52 ± 0.01
select 100 * pnl_buy_and_hold as pnl_pp, 100 * pnl_daily_rebalanced as rebalanced_pp, beta_neutral_weight
from mart_pair
where pair_id = 'IWM_SPY' and entry_date = '2025-12-18' and session_date = '2026-08-20';

-- claim: 1.19
-- published: call spreads on IWM of 45 to 90 days
-- as of: 2025-12-18
-- verdict: no free history: the chains are kept from the first run on; bought at the ask, sold at the bid
-- expect: no rows
-- control: select contract_symbol from fct_option_quote where underlying = 'IWM' and side = 'call' and bid > 0 and ask > 0;
select
    near.expiry_date, near.strike, far.strike as sold_strike, near.ask - far.bid as debit_usd,
    near.strike + near.ask - far.bid as break_even_usd
from fct_option_quote as near
inner join fct_option_quote as far using (underlying, session_date, expiry_date, side)
where
    underlying = 'IWM' and side = 'call' and session_date = '2025-12-18' and near.days_to_expiry between 45 and 90
    and near.bid > 0 and far.bid > 0 and near.strike >= near.underlying_price and far.strike = near.strike + 10
order by near.expiry_date, near.strike;

-- claim: 1.20
-- published: hedge with TZA when the S&P 500 falls more than 3 % or the 10-year rises more than 25 bp
-- as of: 2025-12-18
-- verdict: no horizon is named; not triggered over 5, 1 and 21 sessions
-- expect: false, false, false
select
    bool_or(is_triggered) filter (signal_id = 'hedge_trigger_5d') as five_sessions,
    bool_or(is_triggered) filter (signal_id = 'hedge_trigger_1d') as one_session,
    bool_or(is_triggered) filter (signal_id = 'hedge_trigger_21d') as month
from mart_signal
where signal_id in ('hedge_trigger_1d', 'hedge_trigger_5d', 'hedge_trigger_21d') and session_date = '2025-12-18';

-- claim: 1.21
-- published: a stop at -12 % for TNA, a target of +20 to 40 %
-- as of: 2026-08-20
-- verdict: by the order of closes: entered at that of 2025-12-18, it reached the lower target first; one trade proves nothing
-- expect: target, 2026-01-15, 20.10 ± 0.01
select first_touched, touched_date, 100 * return_at_exit as return_pct, horizon_end_date, evidence
from mart_trade_outcome
where position_id = 'tna_20251218' and rule_pair = 'stop_close_target_low' and horizon_sessions = 63;

-- claim: 1.21
-- published: a stop at -12 % for TNA, a target of +20 to 40 %
-- as of: 2026-08-20
-- verdict: within the session too the lower target came first
-- expect: target, 2026-01-15, 20 ± 0.01
select first_touched, touched_date, 100 * return_at_exit as return_pct, horizon_end_date, evidence
from mart_trade_outcome
where position_id = 'tna_20251218' and rule_pair = 'stop_intraday_target_low' and horizon_sessions = 63;

-- claim: 1.21
-- published: a stop at -6 % for IWM, a target of +10 to 15 %
-- as of: 2026-08-20
-- verdict: neither within 63 sessions; the lower target came later, at the close of 2026-04-17, the stop never
-- expect: neither, null, -0.51 ± 0.01, 2026-03-23
select first_touched, touched_date, 100 * return_at_exit as return_pct, horizon_end_date, evidence
from mart_trade_outcome
where position_id = 'iwm_20251218' and rule_pair = 'stop_close_target_low' and horizon_sessions = 63;

-- claim: 1.22
-- published: a target of up to +40 % for TNA, a stop at -12 %
-- as of: 2026-08-20
-- verdict: whoever waited for +40 % was stopped first, within the session; at closes neither came within 63 sessions
-- expect: stop, 2026-03-20, -12 ± 0.01
select first_touched, touched_date, 100 * return_at_exit as return_pct, horizon_end_date, evidence
from mart_trade_outcome
where position_id = 'tna_20251218' and rule_pair = 'stop_intraday_target_high' and horizon_sessions = 63;

-- claim: 1.22
-- published: targets of +10 to 15 % (IWM) and +20 to 40 % (TNA)
-- as of: 2026-08-20
-- verdict: all were reached; between TNA's lower and upper target lay its stop, IWM never came to its own
-- expect: 2026-01-15, 2026-03-20, 2026-03-30, 2026-05-06, 2026-04-17, 2026-05-06, 0 ± 0
select
    min(session_date) filter (signal_id = 'target_low_tna_20251218') as tna_lower_target,
    min(session_date) filter (signal_id = 'stop_intraday_tna_20251218') as tna_stop_within_a_session,
    min(session_date) filter (signal_id = 'stop_close_tna_20251218') as tna_stop_at_a_close,
    min(session_date) filter (signal_id = 'target_high_tna_20251218') as tna_upper_target,
    min(session_date) filter (signal_id = 'target_low_iwm_20251218') as iwm_lower_target,
    min(session_date) filter (signal_id = 'target_high_iwm_20251218') as iwm_upper_target,
    count(*) filter (signal_id in ('stop_close_iwm_20251218', 'stop_intraday_iwm_20251218')) as iwm_stops
from mart_signal
where is_triggered and session_date <= '2026-08-20';

-- claim: 1.23
-- published: a risk-off shock of 3 to 5 %
-- as of: 2025-12-18
-- verdict: no index and no span is named; below the highest close of five sessions, the Russell 2000 was in one
-- expect: 2025-12-18, 2025-04-09
select
    max(session_date) filter (signal_id = 'risk_off_3pct_rut') as last_3_pct_shock,
    max(session_date) filter (signal_id = 'risk_off_5pct_rut') as last_5_pct_shock
from mart_signal
where signal_id in ('risk_off_3pct_rut', 'risk_off_5pct_rut') and is_triggered and session_date <= '2025-12-18';

-- claim: 1.23
-- published: such a shock forces deleveraging
-- as of: 2025-12-18
-- verdict: true of funds that reset daily: what they trade at the close of a day of -3 %, in percent of their assets
-- proxy: TNA and TZA stand for everybody who is leveraged
-- expect: -18 ± 0, -36 ± 0
select
    max(100 * leverage * (leverage - 1) * -0.03) filter (symbol = 'TNA') as tna_pct_of_assets,
    max(100 * leverage * (leverage - 1) * -0.03) filter (symbol = 'TZA') as tza_pct_of_assets
from dim_instrument;

-- claim: 1.23
-- published: such a shock forces deleveraging, in dollars
-- as of: 2025-12-18
-- verdict: no free history of the assets of TNA and TZA, kept from the first run on; URTY and SRTY have one
-- proxy: TNA and TZA stand for everybody who is leveraged
-- expect: no rows
-- control: select rebalance_usd from mart_leverage_rebalance where symbol in ('URTY', 'SRTY') and rebalance_usd is not null;
select symbol, rebalance_usd, pct_of_index_fund_volume, session_date
from mart_leverage_rebalance
where symbol in ('TNA', 'TZA') and rebalance_usd is not null and session_date <= '2025-12-18';

-- claim: 1.24
-- published: monitor net flows into IWM
-- as of: 2025-12-18
-- expect: 4.08 ± 0.01, 4.95 ± 0.01
select flow_65d_usd / 1e9 as iwm_flow_65_sessions_bn_usd, flow_5d_usd / 1e9 as five_sessions_bn_usd, flow_65d_zscore
from flow_known_at('2025-12-18 23:59:59-05')
where symbol = 'IWM'
order by flow_date desc
limit 1;

-- claim: 1.24
-- published: monitor net flows into TNA
-- as of: 2025-12-18
-- verdict: no free history: Direxion shows the shares of today only, flows start with the first run
-- expect: no rows
-- control: select flow_date from flow_known_at('2100-01-01 00:00:00-05') where symbol = 'TNA';
select flow_65d_usd / 1e9 as tna_flow_65_sessions_bn_usd, flow_date
from flow_known_at('2025-12-18 23:59:59-05')
where symbol = 'TNA';

-- claim: 1.25
-- published: monitor the put/call ratio of the Russell 2000
-- as of: 2025-12-18
-- verdict: no free history: the chains are kept from the first run on, then by volume and by open interest
-- proxy: options on IWM stand for those on the Russell 2000
-- expect: no rows
-- control: select put_call_volume from mart_option_daily where underlying = 'IWM' and put_call_volume is not null;
select put_call_volume, put_call_volume_10_session_mean, put_call_open_interest, session_date
from mart_option_daily
where underlying = 'IWM' and session_date <= '2025-12-18';

-- claim: 1.26
-- published: a high-yield spread more than 100 bp wider is a signal to stop
-- as of: 2025-12-18
-- verdict: no horizon is named; against 63 sessions earlier and against the lowest of 63
-- expect: false, 28 ± 0.1, false, 30 ± 0.1
select
    earlier.is_triggered as wider_than_earlier, earlier.value as than_earlier_bp,
    lowest.is_triggered as wider_than_lowest, lowest.value as than_lowest_bp
from mart_signal as earlier
inner join mart_signal as lowest using (session_date)
where earlier.signal_id = 'hy_widening_100_63d' and lowest.signal_id = 'hy_above_low_100_63d' and session_date = '2025-12-18';

-- claim: 1.27
-- published: crowding and short squeezes in TZA
-- as of: 2025-12-18
-- verdict: volume only, and it says nothing of who is short; FINRA publishes short interest, which is not stored
-- proxy: the volume of TZA stands for crowding
-- expect: 2.172 ± 0.001, 56 ± 0
with volumes as (
    select session_date, volume
    from fct_price_daily
    where symbol = 'TZA' and session_date between '2025-07-01' and '2025-12-18'
)
select
    avg(volume) filter (session_date >= '2025-10-01') / avg(volume) filter (session_date < '2025-10-01') as q4_volume_over_q3,
    count(*) filter (session_date >= '2025-10-01') as sessions_of_q4
from volumes;

-- claim: 1.28
-- no free source: a vendor's sentiment score of 0.28, whose making is not published

-- claim: 2.1
-- published: the Russell 2000 is about 10 % below its high of late 2024
-- as of: 2025-02-21
-- expect: -10.10 ± 0.01, 2024-11-25
select 100 * drawdown_252d_px as drawdown_pct, peak_252d_date, 100 * drawdown_px as from_all_time_high_pct
from mart_trend
where symbol = '^RUT' and session_date = '2025-02-21';

-- claim: 2.2
-- no free source: sentiment in transcripts of earnings calls since 2004; the score and the archive are sold

-- claim: 2.3
-- published: autos, capital goods and transports are 15 % of the Russell 2000
-- as of: 2025-02-21
-- verdict: approximate: the files print sectors only, the industry groups are our own reading of the companies
-- proxy: the newest file of IWM that was out, of 2024-09-27, stands for the Russell 2000
-- expect: 14.49 ± 0.01, 100 ± 0.1, 2024-09-27
select sum(weight_pct) as r2000_pct, min(classified_pct) as placed_pct, max(as_of_date) as held_on
from mart_sector_weight
where
    fund = 'IWM' and group_scheme = 'tariff' and as_of_date = (
        select max(as_of_date) from fct_holding where fund = 'IWM' and available_at <= '2025-02-21 23:59:59-05'
    )
    and group_name in ('autos_and_components', 'capital_goods', 'transportation');

-- claim: 2.3
-- published: 9.1 % of the S&P 500
-- as of: 2025-02-21
-- verdict: no file of a fund of the S&P 500 from before that day is stored
-- proxy: IVV stands for the S&P 500
-- expect: no rows
-- control: select weight_pct from mart_sector_weight where fund = 'IVV' and group_scheme = 'tariff';
select group_name, weight_pct, as_of_date
from mart_sector_weight
where fund = 'IVV' and group_scheme = 'tariff' and as_of_date <= '2025-02-21';

-- claim: 2.3
-- published: 9.1 % of the S&P 500
-- as of: 2025-05-08
-- verdict: approximate, and eleven weeks later than the article
-- proxy: IVV stands for the S&P 500, its first file stored for that of February
-- expect: 9.26 ± 0.01, 100 ± 0.1
select sum(weight_pct) as sp500_pct, min(classified_pct) as placed_pct
from mart_sector_weight
where
    fund = 'IVV' and group_scheme = 'tariff' and as_of_date = '2025-05-08'
    and group_name in ('autos_and_components', 'capital_goods', 'transportation');

-- claim: 2.4
-- not stored: earnings of 2,000 companies as known on the day; filings at the SEC are free, but not read here

-- claim: 2.5
-- not stored: debt of 2,000 companies as known on the day; filings at the SEC tell variable rates in prose

-- claim: 2.6
-- no free source: guidance counted by a research service; companies give it in prose

-- claim: 2.7
-- published: the skew of IWM options of one month is back at a level of late December
-- as of: 2025-02-21
-- verdict: no free history: the skew is kept from the first run on
-- expect: no rows
-- control: select skew_90_110_30d_pp from mart_option_daily where underlying = 'IWM' and skew_90_110_30d_pp is not null;
select skew_90_110_30d_pp, implied_vol_atm_30d_pct, session_date
from mart_option_daily
where underlying = 'IWM' and session_date <= '2025-02-21';

-- claim: 2.8
-- published: the Russell 2000 nearly +8 % in the week after the election
-- as of: 2025-02-21
-- expect: 7.70 ± 0.01, 2024-11-05, 2024-11-11
select 100 * return_px as rut_pct, base_date, end_date
from return_between('^RUT', '2024-11-05', '2024-11-11');

-- claim: 2.8
-- published: the Russell 2000 +5.4 % after the assassination attempt of Saturday, July 13
-- as of: 2025-02-21
-- expect: 5.37 ± 0.01, 2024-07-12, 2024-07-16
select 100 * return_px as rut_pct, base_date, end_date
from return_between('^RUT', '2024-07-13', '2024-07-16');

-- claim: 2.9
-- published: the Russell 2000 is below the averages of 50, 100 and 200 days
-- as of: 2025-02-21
-- expect: true
select not above_sma_50 and not above_sma_100 and not above_sma_200 as is_below_all, sma_50, sma_100, sma_200
from mart_trend
where symbol = '^RUT' and session_date = '2025-02-21';

-- claim: 2.10
-- published: a sustained break of the Russell 2000 below the low of January 13 would open another 10 %
-- as of: 2025-04-03
-- verdict: the low of January 13 is the intraday one; three closes in a row are our reading of sustained; it came true
-- expect: 2025-02-27, 2025-03-05, 2025-04-03
select
    min(session_date) filter (signal_id = 'support_break_rut_20250113_low') as first_close_below,
    min(session_date) filter (signal_id = 'support_break_sustained_rut_20250113_low') as sustained,
    (
        select min(bar.session_date)
        from fct_price_daily as bar
        inner join fct_price_daily as support using (symbol)
        where
            symbol = '^RUT' and support.session_date = '2025-01-13' and bar.session_date > '2025-01-13'
            and bar.close <= 0.9 * support.low
    ) as first_close_10_pct_below
from mart_signal
where
    signal_id in ('support_break_rut_20250113_low', 'support_break_sustained_rut_20250113_low')
    and is_triggered and session_date <= '2025-04-03';

-- claim: 2.11
-- no free source: earnings against what analysts expected, of all companies together; expectations as known then are sold

-- claim: 3.1
-- published: IWM +1.9 % today
-- as of: 2024-07-16
-- verdict: written during the day, which closed at +3.41 %; the close before was +1.90 %
-- expect: 3.41 ± 0.01
select 100 * return_px as iwm_pct
from mart_return
where symbol = 'IWM' and session_date = '2024-07-16' and window_code = '1d';

-- claim: 3.2
-- published: the fifth gain of IWM in a row
-- as of: 2024-07-16
-- expect: 5 ± 0
select streak_sessions
from mart_trend
where symbol = 'IWM' and session_date = '2024-07-16';

-- claim: 3.3
-- published: IWM up more than 9 % in five sessions, the best since June 2020
-- as of: 2024-07-16
-- verdict: at the close +11.52 %, the best since 2020-04-29; the strict answer during the day was 2020-05-27
-- expect: 2020-04-29, 11.52 ± 0.01
select best_since_date, 100 * return_px as five_sessions_pct
from mart_return
where symbol = 'IWM' and session_date = '2024-07-16' and window_code = '5d';

-- claim: 3.4
-- published: IWM 10.4 points ahead of QQQ over five sessions, the widest since November 2016
-- as of: 2024-07-16
-- verdict: at the close 11.81 points, the widest since 2001-04-03; 2016-11-14 had 10.40
-- expect: 11.81 ± 0.01, 2001-04-03
select spread_px_pp, widest_since_date, history_start
from mart_relative_performance
where symbol = 'IWM' and benchmark_symbol = 'QQQ' and session_date = '2024-07-16' and window_code = '5d';

-- claim: 3.5
-- published: CPI of June below expectations
-- as of: 2024-07-16
-- verdict: the number as known that day; what was expected has no free source
-- expect: 2.97 ± 0.05, 0.00 ± 0.05
select yoy_pct, mom_pct, known_at
from mart_inflation_monthly
where series_id = 'CPIAUCSL' and observation_month = '2024-06-01' and known_at <= '2024-07-16 23:59:59-04'
order by known_at desc
limit 1;

-- claim: 3.6
-- published: markets are certain of a cut of the Fed in September
-- as of: 2024-07-16
-- verdict: the direction only; odds by meeting come from fed funds futures, which no free source archives
-- proxy: DGS2 and DGS3MO less DFEDTARU, the upper bound of the target range, stand for the cuts expected
-- expect: -1.06 ± 0.001, -0.07 ± 0.001
select two_years.value - target.value as two_years_less_target_pp, bill.value - target.value as three_months_less_target_pp
from mart_macro_daily as two_years
inner join mart_macro_daily as bill using (session_date)
inner join mart_macro_daily as target using (session_date)
where
    two_years.series_id = 'DGS2' and bill.series_id = 'DGS3MO' and target.series_id = 'DFEDTARU'
    and session_date = '2024-07-16';

-- claim: 3.7
-- published: it would be the first cut of the Fed since 2020
-- as of: 2024-07-16
-- expect: 2020-03-16
select max(observation_date) as last_cut
from (
    select observation_date, value, lag(value) over (order by observation_date) as before
    from macro_known_at('2024-07-16 23:59:59-04')
    where series_id = 'DFEDTARU'
)
where value < before;

-- claim: 3.8
-- published: regional banks are a large share of the Russell 2000
-- as of: 2024-09-27
-- verdict: approximate: banks by name and reviewed list
-- proxy: the file of IWM of 2024-09-27, the first stored, stands for the Russell 2000 of July
-- expect: 9.5 ± 1
select weight_pct, constituents
from mart_sector_weight
where fund = 'IWM' and group_scheme = 'regional_banks' and as_of_date = '2024-09-27';

-- claim: 3.9
-- not stored: net interest income of two banks; it stands in their reports at the SEC, and neither is a small cap

-- claim: 3.10
-- published: high yields leave banks with unrealised losses
-- as of: 2024-07-16
-- verdict: the yields only; the losses stand in reports that are not stored
-- proxy: DGS10 stands for yields
-- expect: 4.23 ± 0.001, -21 ± 0.1, 2022-07-07
select rates.value as ust10_pct, curve.spread_bp as ten_less_two_years_bp, curve.inverted_since
from mart_macro_daily as rates
inner join mart_curve_daily as curve using (session_date)
where rates.series_id = 'DGS10' and curve.curve_id = '2s10s' and session_date = '2024-07-16';

-- claim: 3.11
-- published: the valuation gap of IVW over IWN is the widest since 2000
-- as of: 2024-07-09
-- verdict: of the session before the rally; prices of IVW go back to 2005 only; one day was wider
-- proxy: the ratio of total returns stands for valuations of IVW and IWN, which are kept from the first run on
-- expect: 99.98 ± 0.01, 2005-01-03, 2024-07-05, true
select
    100 * today.percentile as percentile_pct,
    (select min(as_of_date) from mart_valuation_gap where pair_id = 'IVW_IWN' and measure = 'total_return_ratio_proxy')
        as history_start,
    (
        select max(wider.as_of_date)
        from mart_valuation_gap as wider
        where
            wider.pair_id = today.pair_id and wider.measure = today.measure and wider.as_of_date < today.as_of_date
            and wider.value >= today.value
    ) as last_as_wide,
    today.is_proxy, today.value, today.values_before
from mart_valuation_gap as today
where pair_id = 'IVW_IWN' and measure = 'total_return_ratio_proxy' and as_of_date = '2024-07-09';

-- claim: 3.12
-- published: the Dow benefits from the rotation
-- as of: 2024-07-16
-- proxy: DIA stands for the Dow, SPY for the market
-- expect: 2.63 ± 0.01
select spread_px_pp as dia_less_spy_pp
from mart_relative_performance
where symbol = 'DIA' and benchmark_symbol = 'SPY' and session_date = '2024-07-16' and window_code = '5d';

-- claim: 4.1
-- published: IWM is about 17 % below its peak of November 2021
-- as of: 2024-06-10
-- expect: -16.77 ± 0.01
select 100 * drawdown_px as drawdown_pct, peak_date, 100 * drawdown_tr as drawdown_tr_pct
from mart_trend
where symbol = 'IWM' and session_date = '2024-06-10';

-- claim: 4.2
-- published: small caps underperform persistently
-- as of: 2024-06-10
-- verdict: true over one, three, five and ten years
-- proxy: IWM stands for small caps, SPY for the market
-- expect: -15.49 ± 0.01, -38.40 ± 0.01, -52.33 ± 0.01, -100.81 ± 0.01
select
    one.spread_px_pp as one_year_pp, three.spread_px_pp as three_years_pp,
    five.spread_px_pp as five_years_pp, ten.spread_px_pp as ten_years_pp
from relative_between('IWM', 'SPY', '2023-06-10', '2024-06-10') as one
cross join relative_between('IWM', 'SPY', '2021-06-10', '2024-06-10') as three
cross join relative_between('IWM', 'SPY', '2019-06-10', '2024-06-10') as five
cross join relative_between('IWM', 'SPY', '2014-06-10', '2024-06-10') as ten;

-- claim: 4.3
-- published: the Russell 2000 outperformed the S&P 500 in the rally of late 2023
-- as of: 2024-06-10
-- expect: 10.09 ± 0.01
select spread_px_pp
from relative_between('^RUT', '^GSPC', '2023-10-27', '2023-12-27');

-- claim: 4.4
-- published: IWM would need 41 % to close the gap to SPY
-- as of: 2024-06-10
-- verdict: no base date is named; from the peak of IWM, 2021-11-08, it is 37 %
-- expect: 37.24 ± 0.01
select 100 * (1 / (1 + ratio_return_px) - 1) as catch_up_pct
from relative_between('IWM', 'SPY', '2021-11-08', '2024-06-10');

-- claim: 4.5
-- published: heavy IWM outflows on a 65-day basis are a contrarian reason to buy
-- as of: 2024-06-10
-- verdict: no threshold is named; the lowest tenth of three years is ours; 0.88 bn USD left, and more did in 43 % of three years
-- expect: false, -0.878 ± 0.001, 0.427 ± 0.001
select signal.is_triggered, flow.flow_65d_usd / 1e9 as flow_65_sessions_bn_usd, flow.flow_65d_percentile
from mart_signal as signal
inner join mart_etf_flow as flow on signal.symbol = flow.symbol and signal.input_date = flow.flow_date
where signal.signal_id = 'outflow_contrarian_iwm' and signal.session_date = '2024-06-10';

-- claim: 4.6
-- published: yields are declining
-- as of: 2024-06-10
-- verdict: true over 5 and 21 sessions, false over 63 (+34 bp)
-- proxy: DGS10 stands for yields
-- expect: -5 ± 0.01, -8 ± 0.01, 34 ± 0.01
select change_bp_21, change_bp_5, change_bp_63, value
from mart_macro_daily
where series_id = 'DGS10' and session_date = '2024-06-10';

-- claim: 4.6
-- published: the Fed is on hold
-- as of: 2024-06-10
-- expect: 2023-07-27, 5.5 ± 0, 219 ± 0
select
    last_change_date, value as upper_bound_pct,
    (
        select count(*) from dim_session
        where dim_session.session_date > last_change_date and dim_session.session_date <= '2024-06-10'
    ) as sessions_since
from mart_macro_daily
where series_id = 'DFEDTARU' and session_date = '2024-06-10';

-- claim: 4.7
-- published: the annual reconstitution of June 28 raises volume
-- as of: 2024-06-28
-- verdict: true: 1.88 times the mean of the 90 days before, the second busiest session of the year; IWM 1.25 times
-- proxy: ^RUT, whose volume at Yahoo is that of the whole market, as that of ^GSPC is, and IWM
-- expect: 2024-06-28, 1.88 ± 0.001, 2 ± 0, 1.252 ± 0.001
with event as (
    select min(event_date) as session_date
    from fct_market_event
    where event_type = 'RUSSELL_RECONSTITUTION' and event_date >= '2024-06-10'
), measured as (
    select
        symbol, session_date, volume,
        avg(volume) over (
            partition by symbol order by session_date range between interval 90 days preceding and interval 1 day preceding
        ) as mean_before,
        rank() over (partition by symbol, year(session_date) order by volume desc) as rank_of_year
    from fct_price_daily
    where symbol in ('^RUT', 'IWM') and session_date <= '2024-06-28'
)
select
    session_date, max(volume / mean_before) filter (symbol = '^RUT') as rut_volume_over_mean,
    max(rank_of_year) filter (symbol = '^RUT') as rank_of_year,
    max(volume / mean_before) filter (symbol = 'IWM') as iwm_volume_over_mean
from measured
inner join event using (session_date)
group by session_date;

-- claim: 4.8
-- published: the Russell 2000 includes large caps and small caps
-- as of: 2026-07-17
-- verdict: false: that is the Russell 3000; the Russell 2000 and the Russell 1000 share no company
-- proxy: the files of IWM and IWB stand for the two indexes
-- expect: 0 ± 0, 1959 ± 0, 1023 ± 0
with small as (
    select security_id from fct_holding where fund = 'IWM' and as_of_date = '2026-07-17' and is_constituent
), large as (
    select security_id from fct_holding where fund = 'IWB' and as_of_date = '2026-07-17' and is_constituent
)
select
    (select count(*) from small inner join large using (security_id)) as in_both,
    (select count(*) from small) as in_iwm, (select count(*) from large) as in_iwb;

-- claim: 4.9
-- published: small caps are sensitive to rates
-- as of: 2024-06-10
-- verdict: true over the 252 sessions before: they lost 4 bp on the market for each bp the yield rose; a ninth is explained
-- proxy: IWM less SPY, total returns, stands for small caps, changes of the 10-year yield for rates
-- expect: -4.08 ± 0.01, -5.55 ± 0.05, 0.11 ± 0.01, 251 ± 0
select
    beta_to_ust10_bp as iwm_less_spy_per_bp_of_10_year, beta_to_ust10_t as t, beta_to_ust10_r2 as r_squared, rate_observations
from mart_risk
where symbol = 'IWM' and benchmark_symbol = 'SPY' and session_date = '2024-06-10' and window_sessions = 252;

-- claim: 4.9
-- published: small caps are sensitive to inflation
-- as of: 2024-06-10
-- verdict: not to be seen over the 252 sessions before: the slope cannot be told from zero
-- proxy: IWM less SPY, total returns, stands for small caps, T10YIE, inflation expected for ten years, for inflation
-- expect: -2.51 ± 0.01, -1.12 ± 0.05, 0.01 ± 0.01, 251 ± 1
with spreads as (
    select session_date, 100 * spread_tr_pp as less_spy_bp
    from mart_relative_performance
    where symbol = 'IWM' and benchmark_symbol = 'SPY' and window_code = '1d' and session_date < '2024-06-10'
    order by session_date desc
    limit 252
), changes as (
    select observation_date as session_date, 100 * (value - lag(value) over (order by observation_date)) as change_bp
    from macro_known_at('2024-06-10 23:59:59-04')
    where series_id = 'T10YIE'
)
select
    regr_slope(less_spy_bp, change_bp) as iwm_less_spy_per_bp,
    sign(regr_slope(less_spy_bp, change_bp))
    * sqrt((regr_count(less_spy_bp, change_bp) - 2) / (1 / regr_r2(less_spy_bp, change_bp) - 1)) as t,
    regr_r2(less_spy_bp, change_bp) as r_squared,
    regr_count(less_spy_bp, change_bp) as observations
from spreads
inner join changes using (session_date);
