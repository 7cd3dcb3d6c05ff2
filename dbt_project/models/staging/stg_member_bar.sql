{{ yahoo_bars(source('raw', 'member_bar')) }}
