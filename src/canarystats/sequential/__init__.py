"""Two windows, any number of looks: evidence that stays valid however often one looks.

Every method is a fold: a design (what is tested), a state (what has been seen), and
``step(state, tick) -> state``.
"""

from __future__ import annotations
