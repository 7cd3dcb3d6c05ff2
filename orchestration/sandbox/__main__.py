"""`python -m orchestration.sandbox --port 8080 --today 2026-11-20`: the sandbox market for people."""

from __future__ import annotations

import argparse
import datetime as dt

from orchestration.calendars import NEW_YORK
from orchestration.sandbox.server import start
from orchestration.sandbox.streams import DEFAULT_SEED


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--today", type=dt.date.fromisoformat, default=None, help="pretended date; default: now")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    asked = parser.parse_args()
    server = start(asked.today or dt.datetime.now(NEW_YORK), asked.seed, asked.port)
    print(f"synthetic market on http://127.0.0.1:{server.server_address[1]} (Ctrl-C stops it)", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


if __name__ == "__main__":
    main()
