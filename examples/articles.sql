-- Statements of five news articles on US small caps, each as one query on smallcap.duckdb.
--
-- Every block names the claim, what was published, and the day it was written for. `expect` is what the query gives in
-- its first column on real data: a number with its tolerance, a date, a word, or `no rows`. Returns are price returns of
-- closes, windows count sessions, unless a query says otherwise. Where the article is wrong or its number is of the
-- running day, `verdict` says so, and `expect` is the right number at the close.
-- What no free source can answer has a `no free source` line and no query.
--
-- Run one: make query SQL="..."

-- claim: 0.1
-- published: the S&P 500 is up about 11 % for the year despite its pullback
-- as of: 2023-10-05
-- expect: 10.90 ± 0.01
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
-- published: the rally is narrow, small caps lag the broad market
-- as of: 2023-10-05
-- expect: -12.60 ± 0.01
select spread_px_pp as rut_less_gspc_pp,
    (select spread_px_pp from mart_relative_performance
     where symbol = 'RSP' and benchmark_symbol = 'SPY' and session_date = '2023-10-05' and window_code = 'ytd')
        as equal_weight_less_weighted_pp
from mart_relative_performance
where symbol = '^RUT' and benchmark_symbol = '^GSPC' and session_date = '2023-10-05' and window_code = 'ytd';

-- claim: 0.4
-- published: large technology companies led 2023
-- as of: 2023-10-05
-- verdict: true: 36 points ahead of small caps for the year
-- expect: 36.43 ± 0.01
select 100 * (growth.return_px - small.return_px) as qqq_less_iwm_pp
from mart_return as growth
inner join mart_return as small using (session_date, window_code)
where growth.symbol = 'QQQ' and small.symbol = 'IWM' and session_date = '2023-10-05' and window_code = 'ytd';

-- claim: 0.5
-- published: TZA seeks 300 % of the inverse of the daily Russell 2000
-- as of: 2023-10-05
-- expect: -3 ± 0.1
select beta as daily_slope, correlation
from mart_risk
where symbol = 'TZA' and benchmark_symbol = '^RUT' and session_date = '2023-10-05' and window_sessions = 252;

-- claim: 0.6
-- published: rates stay higher for longer, and rising rates hurt small caps
-- as of: 2023-10-05
-- expect: -2.45 ± 0.01
select risk.beta_to_ust10_bp as iwm_less_spy_per_bp_of_10_year, rates.value as ust10_pct, rates.change_bp_63
from mart_risk as risk
inner join mart_macro_daily as rates using (session_date)
where
    risk.symbol = 'IWM' and risk.benchmark_symbol = 'SPY' and risk.window_sessions = 63
    and rates.series_id = 'DGS10' and session_date = '2023-10-05';

-- claim: 0.7
-- published: inflation is stubborn
-- as of: 2023-10-05
-- expect: 3.72 ± 0.05
select yoy_pct, annualised_3m_pct, observation_month, series_id
from mart_inflation_monthly
where series_id = 'CPIAUCSL' and known_at <= '2023-10-05 23:59:59-04'
order by observation_month desc, known_at desc
limit 1;

-- claim: 1.1
-- published: Russell 2000 +12.45 % against S&P 500 +15.19 % for the year
-- as of: 2025-12-18
-- expect: 12.45 ± 0.01
select 100 * small.return_px as rut_pct, 100 * large.return_px as gspc_pct
from mart_return as small
inner join mart_return as large using (session_date, window_code)
where small.symbol = '^RUT' and large.symbol = '^GSPC' and session_date = '2025-12-18' and window_code = 'ytd';

-- claim: 1.1
-- published: S&P 500 +15.19 % for the year
-- as of: 2025-12-18
-- expect: 15.19 ± 0.01
select 100 * return_px as gspc_pct
from mart_return
where symbol = '^GSPC' and session_date = '2025-12-18' and window_code = 'ytd';

-- claim: 1.2
-- published: about +19 % against +13.52 % over six months
-- as of: 2025-12-18
-- expect: 13.52 ± 0.01
select 100 * large.return_px as gspc_pct, 100 * small.return_px as rut_pct, large.base_date
from mart_return as small
inner join mart_return as large using (session_date, window_code)
where small.symbol = '^RUT' and large.symbol = '^GSPC' and session_date = '2025-12-18' and window_code = '126d';

-- claim: 1.3
-- published: small caps have outpaced large caps in recent months
-- as of: 2025-12-18
-- verdict: true over 126 sessions, false for the year (-2.74 points)
-- expect: 5.38 ± 0.01
select
    max(spread_px_pp) filter (window_code = '126d') as six_months_pp,
    max(spread_px_pp) filter (window_code = 'ytd') as year_to_date_pp
from mart_relative_performance
where symbol = '^RUT' and benchmark_symbol = '^GSPC' and session_date = '2025-12-18';

-- claim: 1.4
-- published: down about 8 % from October 20 to November 20, the S&P 500 just under 3 %
-- as of: 2025-12-18
-- expect: -7.79 ± 0.01
select 100 * small.return_px as rut_pct, 100 * large.return_px as gspc_pct
from return_between('^RUT', '2025-10-20', '2025-11-20') as small
cross join return_between('^GSPC', '2025-10-20', '2025-11-20') as large;

-- claim: 1.5
-- published: small caps are more volatile, a high-beta play
-- as of: 2025-12-18
-- verdict: true by volatility; the beta of IWM to SPY over 252 sessions was 1.04, hardly high
-- expect: 1.036 ± 0.001
select long_window.beta as iwm_beta_252, short_window.realised_vol_pct as iwm_vol_21_pct
from mart_risk as long_window
inner join mart_risk as short_window using (symbol, benchmark_symbol, session_date)
where
    symbol = 'IWM' and benchmark_symbol = 'SPY' and session_date = '2025-12-18'
    and long_window.window_sessions = 252 and short_window.window_sessions = 21;

-- claim: 1.6
-- published: the Fed cut rates recently
-- as of: 2025-12-18
-- expect: 2025-12-11
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
-- expect: 12.7 ± 0.1
select
    100 * year_to_date.return_px as ytd_pct, 100 * six_months.return_px as six_months_pct,
    trend.above_ema_20, trend.above_sma_50, trend.above_sma_200
from mart_trend as trend
inner join mart_return as year_to_date using (symbol, session_date)
inner join mart_return as six_months using (symbol, session_date)
where
    symbol = 'TNA' and session_date = '2025-12-18'
    and year_to_date.window_code = 'ytd' and six_months.window_code = '126d';

-- claim: 1.8
-- published: TZA -44 % for the year, more than +10 % over five sessions, below its averages, volume rising in Q4
-- as of: 2025-12-18
-- expect: 10.09 ± 0.01
select
    100 * five.return_px as five_sessions_pct, 100 * year_to_date.return_px as ytd_pct,
    trend.above_sma_50, trend.above_sma_200, volume.ratio_to_previous as q4_volume_over_q3
from mart_trend as trend
inner join mart_return as five using (symbol, session_date)
inner join mart_return as year_to_date using (symbol, session_date)
inner join mart_volume_quarter as volume using (symbol)
where
    symbol = 'TZA' and session_date = '2025-12-18' and five.window_code = '5d'
    and year_to_date.window_code = 'ytd' and volume.quarter_start = '2025-10-01';

-- claim: 1.9
-- published: compounding makes leveraged funds diverge significantly from their multiple
-- as of: 2025-12-18
-- expect: 9.52 ± 0.05
select
    100 * compounding_effect as ideal_less_multiple_pp, 100 * multiple_of_benchmark as multiple_pct,
    100 * ideal_daily_reset as ideal_pct, 100 * fund_return_tr as fund_pct
from mart_leverage
where symbol = 'TZA' and session_date = '2025-12-18' and window_code = '6m';

-- claim: 1.10
-- published: +19 % shows risk appetite; flows lift and sink these names
-- as of: 2025-12-18
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
-- expect: 3 ± 0.01
select change_bp_21, abs(change_bp_21) >= 20 and abs(change_bp_21) < 50 as is_in_band
from mart_macro_daily
where series_id = 'DGS10' and session_date = '2025-12-18';

-- claim: 1.12
-- published: tail risk of moves beyond 15 % within a day in TNA and TZA
-- as of: 2025-12-18
-- expect: 77 ± 0
select
    count(*) filter (signal_id = 'leveraged_excursion_tna') as tna_days,
    count(*) filter (signal_id = 'leveraged_excursion_tza') as tza_days,
    count(*) filter (signal_id = 'leveraged_excursion_tna' and session_date >= '2021-01-01') as tna_days_since_2021
from mart_signal
where signal_id in ('leveraged_excursion_tna', 'leveraged_excursion_tza') and is_triggered and session_date <= '2025-12-18';

-- claim: 1.13
-- no free source: a recommendation how long to hold, not a number; windows 5d, 21d and 63d serve it

-- claim: 1.14
-- no free source: gamma clusters need open interest by strike and greeks; the free chain is kept forward as ratios and skew only

-- claim: 1.15
-- published: calendar rebalances, quarterly index reconstitutions
-- as of: 2025-12-18
-- verdict: false as stated: reconstitution was once a year until June 2026 and twice since; quarterly are IPO additions
-- expect: 1 ± 0
select
    count(*) filter (event_type = 'RUSSELL_RECONSTITUTION') as reconstitutions,
    count(*) filter (event_type = 'RUSSELL_QUARTERLY_IPO') as quarterly_ipo_additions
from fct_market_event
where year(event_date) = 2025;

-- claim: 1.16
-- published: catalysts of the next 30 to 90 days: CPI, Fed minutes
-- as of: 2025-12-18
-- expect: 2025-12-30
select event_date, event_type, label
from fct_market_event
where event_date > '2025-12-18' and event_date <= date '2025-12-18' + 90 and event_type in ('CPI_RELEASE', 'FOMC_MINUTES')
order by event_date
limit 1;

-- claim: 1.17
-- no free source: horizons of a trade idea (IWM one to three months, TNA two to eight weeks), no number

-- claim: 1.18
-- published: long IWM against short SPY, dollar neutral
-- as of: 2026-08-20
-- expect: 6.52 ± 0.01
select 100 * pnl_buy_and_hold as pnl_pp, 100 * pnl_daily_rebalanced as rebalanced_pp, beta_neutral_weight
from mart_pair
where pair_id = 'IWM_SPY' and entry_date = '2025-12-18' and session_date = '2026-08-20';

-- claim: 1.19
-- no free source: prices of call spreads of 45 to 90 days need chains of the day; the free one is kept forward as ratios and skew only

-- claim: 1.20
-- published: hedge with TZA when the S&P 500 falls more than 3 % or the 10-year rises more than 25 bp
-- as of: 2025-12-18
-- verdict: no horizon is named; five sessions here
-- expect: false
select is_triggered, value as parts_on, definition
from mart_signal
where signal_id = 'hedge_trigger_5d' and session_date = '2025-12-18';

-- claim: 1.21
-- published: stops at -6 % (IWM) and -12 % (TNA)
-- as of: 2026-08-20
-- verdict: from the closes of 2025-12-18, TNA was stopped out, IWM was not
-- expect: 2026-03-30
select
    min(session_date) filter (signal_id = 'stop_close_tna_20251218') as tna_stop_hit,
    min(session_date) filter (signal_id = 'stop_close_iwm_20251218') as iwm_stop_hit
from mart_signal
where signal_id in ('stop_close_iwm_20251218', 'stop_close_tna_20251218') and is_triggered;

-- claim: 1.22
-- published: targets of +10 to 15 % (IWM) and +20 to 40 % (TNA)
-- as of: 2026-08-20
-- expect: 2026-04-17
select
    min(session_date) filter (signal_id = 'target_low_iwm_20251218') as iwm_target_hit,
    min(session_date) filter (signal_id = 'target_low_tna_20251218') as tna_target_hit
from mart_signal
where signal_id in ('target_low_iwm_20251218', 'target_low_tna_20251218') and is_triggered;

-- claim: 1.23
-- published: a risk-off shock of 3 to 5 % forces deleveraging
-- as of: 2025-12-18
-- expect: 2025-12-18
select max(session_date) as last_day_3_pct_below_the_high_of_five_sessions
from mart_signal
where signal_id = 'risk_off_3pct_rut' and is_triggered and session_date <= '2025-12-18';

-- claim: 1.24
-- published: monitor net flows into IWM and TNA
-- as of: 2025-12-18
-- verdict: TNA has no free history: Direxion shows today only, flows start with the first run
-- expect: 4.08 ± 0.01
select flow_65d_usd / 1e9 as iwm_flow_65_sessions_bn_usd, flow_5d_usd / 1e9 as five_sessions_bn_usd, flow_65d_zscore
from flow_known_at('2025-12-18 23:59:59-05')
where symbol = 'IWM'
order by flow_date desc
limit 1;

-- claim: 1.25
-- published: monitor the put/call ratio of the Russell 2000
-- as of: 2025-12-18
-- verdict: no free history: the chains are kept from the first run on
-- expect: no rows
select put_call_volume, put_call_open_interest, session_date
from mart_option_daily
where underlying = 'IWM' and session_date = '2025-12-18';

-- claim: 1.26
-- published: a high-yield spread more than 100 bp wider is a signal to stop
-- as of: 2025-12-18
-- expect: false
select is_triggered, value as wider_than_63_sessions_ago_bp
from mart_signal
where signal_id = 'hy_widening_100_63d' and session_date = '2025-12-18';

-- claim: 1.27
-- published: crowding and short squeezes in TZA
-- as of: 2025-12-18
-- verdict: volume only: short interest has no free history here
-- expect: 2.20 ± 0.01
select ratio_to_previous as volume_over_quarter_before, mean_volume
from mart_volume_quarter
where symbol = 'TZA' and quarter_start = '2025-10-01';

-- claim: 1.28
-- no free source: a vendor's sentiment score of 0.28

-- claim: 2.1
-- published: the Russell 2000 is about 10 % below its high of late 2024
-- as of: 2025-02-21
-- expect: -10.10 ± 0.01
select 100 * drawdown_252d_px as drawdown_pct, peak_252d_date, 100 * drawdown_px as from_all_time_high_pct
from mart_trend
where symbol = '^RUT' and session_date = '2025-02-21';

-- claim: 2.2
-- no free source: sentiment in transcripts of earnings calls

-- claim: 2.3
-- published: autos, capital goods and transports are 15 % of the Russell 2000 against 9.1 % of the S&P 500
-- as of: 2025-05-13
-- verdict: approximate: the files print sectors only, the industry groups are our own reading of the companies
-- expect: 15 ± 1
select sum(weight_pct) as r2000_pct, min(classified_pct) as placed_pct
from mart_sector_weight
where
    fund = 'IWM' and group_scheme = 'tariff' and as_of_date = '2025-05-13'
    and group_name in ('autos_and_components', 'capital_goods', 'transportation');

-- claim: 2.3
-- published: 9.1 % of the S&P 500
-- as of: 2025-05-08
-- verdict: approximate, and three months later than the article
-- expect: 9.1 ± 1
select sum(weight_pct) as sp500_pct, min(classified_pct) as placed_pct
from mart_sector_weight
where
    fund = 'IVV' and group_scheme = 'tariff' and as_of_date = '2025-05-08'
    and group_name in ('autos_and_components', 'capital_goods', 'transportation');

-- claim: 2.4
-- no free source: earnings of 2,000 companies as known on the day

-- claim: 2.5
-- no free source: debt structure of 2,000 companies as known on the day

-- claim: 2.6
-- no free source: guidance counted by a research service

-- claim: 2.7
-- published: the skew of IWM options of one month is back at a level of late December
-- as of: 2025-02-21
-- verdict: no free history: the skew is kept from the first run on
-- expect: no rows
select skew_90_110_30d_pp, implied_vol_atm_30d_pct, session_date
from mart_option_daily
where underlying = 'IWM' and session_date = '2025-02-21';

-- claim: 2.8
-- published: nearly +8 % in the week after the election
-- as of: 2025-02-21
-- expect: 7.70 ± 0.01
select 100 * return_px as rut_pct, base_date, end_date
from return_between('^RUT', '2024-11-05', '2024-11-11');

-- claim: 2.8
-- published: +5.4 % after the assassination attempt of Saturday, July 13
-- as of: 2025-02-21
-- expect: 5.37 ± 0.01
select 100 * return_px as rut_pct, base_date, end_date
from return_between('^RUT', '2024-07-13', '2024-07-16');

-- claim: 2.9
-- published: below the averages of 50, 100 and 200 days
-- as of: 2025-02-21
-- expect: true
select not above_sma_50 and not above_sma_100 and not above_sma_200 as is_below_all, sma_50, sma_100, sma_200
from mart_trend
where symbol = '^RUT' and session_date = '2025-02-21';

-- claim: 2.10
-- published: a break below the low of January 13 would open another 10 %
-- as of: 2025-02-21
-- verdict: the low of January 13 is the intraday one; the lowest close is of January 10
-- expect: 2025-02-27
select min(session_date) as first_close_below_2158_63
from mart_signal
where signal_id = 'support_break_rut_20250113_low' and is_triggered;

-- claim: 2.11
-- no free source: aggregate earnings surprises

-- claim: 3.1
-- published: IWM +1.9 % today
-- as of: 2024-07-16
-- verdict: written during the day, which closed at +3.41 %; the close before was +1.90 %
-- expect: 3.41 ± 0.01
select 100 * return_px as iwm_pct
from mart_return
where symbol = 'IWM' and session_date = '2024-07-16' and window_code = '1d';

-- claim: 3.2
-- published: the fifth gain in a row
-- as of: 2024-07-16
-- expect: 5 ± 0
select streak_sessions
from mart_trend
where symbol = 'IWM' and session_date = '2024-07-16';

-- claim: 3.3
-- published: more than 9 % in five sessions, the best since June 2020
-- as of: 2024-07-16
-- verdict: at the close +11.52 %, the best since 2020-04-29; the strict answer during the day was 2020-05-27
-- expect: 2020-04-29
select best_since_date, 100 * return_px as five_sessions_pct
from mart_return
where symbol = 'IWM' and session_date = '2024-07-16' and window_code = '5d';

-- claim: 3.4
-- published: 10.4 points ahead of QQQ over five sessions, the widest since November 2016
-- as of: 2024-07-16
-- verdict: at the close 11.81 points, the widest since 2001-04-03; 2016-11-14 had 10.40
-- expect: 11.81 ± 0.01
select spread_px_pp, widest_since_date, history_start
from mart_relative_performance
where symbol = 'IWM' and benchmark_symbol = 'QQQ' and session_date = '2024-07-16' and window_code = '5d';

-- claim: 3.5
-- published: CPI of June below expectations
-- as of: 2024-07-16
-- verdict: the number as known that day; what was expected has no free source
-- expect: 2.97 ± 0.05
select yoy_pct, mom_pct, known_at
from mart_inflation_monthly
where series_id = 'CPIAUCSL' and observation_month = '2024-06-01' and known_at <= '2024-07-16 23:59:59-04'
order by known_at desc
limit 1;

-- claim: 3.6
-- no free source: odds implied by fed funds futures of the months ahead

-- claim: 3.7
-- published: it would be the first cut since 2020
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
-- verdict: approximate: banks by name and reviewed list; the first file held is of September
-- expect: 9.5 ± 1
select weight_pct, constituents
from mart_sector_weight
where fund = 'IWM' and group_scheme = 'regional_banks' and as_of_date = '2024-09-27';

-- claim: 3.9
-- no free source: net interest income of two banks, from their quarterly reports

-- claim: 3.10
-- published: high yields leave banks with unrealised losses
-- as of: 2024-07-16
-- expect: 4.23 ± 0.001
select value as ust10_pct, change_bp_63, observation_date
from mart_macro_daily
where series_id = 'DGS10' and session_date = '2024-07-16';

-- claim: 3.11
-- published: the valuation gap of IVW over IWN is the widest since 2000
-- as of: 2024-07-16
-- verdict: valuations are kept from the first run on; by the total-return ratio, a proxy, 97.6 % of days were narrower
-- expect: 97.62 ± 0.01
select 100 * percentile as percentile_pct, value, values_before, is_proxy
from mart_valuation_gap
where pair_id = 'IVW_IWN' and measure = 'total_return_ratio_proxy' and as_of_date = '2024-07-16';

-- claim: 3.12
-- published: the Dow benefits from the rotation
-- as of: 2024-07-16
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
-- expect: -52.33 ± 0.01
select spread_px_pp as iwm_less_spy_five_years_pp, 100 * ratio_return_px as ratio_pct
from relative_between('IWM', 'SPY', '2019-06-10', '2024-06-10');

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
-- verdict: no threshold is named; the lowest tenth of three years is ours
-- expect: false
select is_triggered, value as percentile, input_date
from mart_signal
where signal_id = 'outflow_contrarian_iwm' and session_date = '2024-06-10';

-- claim: 4.6
-- published: yields are declining
-- as of: 2024-06-10
-- verdict: true over 5 and 21 sessions, false over 63 (+34 bp)
-- expect: -5 ± 0.01
select change_bp_21, change_bp_5, change_bp_63, value
from mart_macro_daily
where series_id = 'DGS10' and session_date = '2024-06-10';

-- claim: 4.7
-- published: the annual reconstitution of June 28 raises volume
-- as of: 2024-06-28
-- expect: 2024-06-28
select event_date, volume / (
    select avg(earlier.volume) from fct_price_daily as earlier
    where earlier.symbol = 'IWM' and earlier.session_date between date '2024-06-28' - 90 and date '2024-06-28' - 1
) as iwm_volume_over_quarter_before
from fct_market_event
inner join fct_price_daily on event_date = session_date
where event_type = 'RUSSELL_RECONSTITUTION' and year(event_date) = 2024 and symbol = 'IWM';

-- claim: 4.8
-- published: the Russell 2000 includes large caps and small caps
-- as of: 2026-07-17
-- verdict: false: that is the Russell 3000; the Russell 2000 and the Russell 1000 share no company
-- expect: 0 ± 0
select count(*) as in_both
from fct_holding as small
inner join fct_holding as large using (security_id, as_of_date)
where small.fund = 'IWM' and large.fund = 'IWB' and as_of_date = '2026-07-17' and small.is_constituent and large.is_constituent;

-- claim: 4.9
-- published: small caps are sensitive to rates and inflation
-- as of: 2024-06-10
-- expect: -4.08 ± 0.01
select beta_to_ust10_bp as iwm_less_spy_per_bp_of_10_year, window_sessions
from mart_risk
where symbol = 'IWM' and benchmark_symbol = 'SPY' and session_date = '2024-06-10' and window_sessions = 252;
