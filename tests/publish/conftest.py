from __future__ import annotations

from tests.publish.tiny_project import builds, data_dir

__all__ = ["builds", "data_dir"]
