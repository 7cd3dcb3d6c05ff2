{{ yahoo_actions(source('raw', 'member_action')) }}
