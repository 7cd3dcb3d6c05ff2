{{ yahoo_bars(source('raw', 'yahoo_bar')) }}
