"""Which lines of holdings files are one security, and which files can be compared: pure functions of what was read.

`resolve` decides in steps, a module each: `names` makes names comparable, `evidence` says what goes on where one line
ends and another begins, `links` and `changes` propose which lines are one security, `decisions` carries out what may be
carried out. The module `lattice` follows the files of each fund through the moments at which they became known.
"""

from orchestration.securities.decisions import Decision, resolve
from orchestration.securities.evidence import File, Identity, Sighting
from orchestration.securities.links import Override, ReportedTicker

__all__ = ["Decision", "File", "Identity", "Override", "ReportedTicker", "Sighting", "resolve"]
