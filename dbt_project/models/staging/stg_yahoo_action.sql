{{ yahoo_actions(source('raw', 'yahoo_action')) }}
