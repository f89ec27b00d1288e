"""What holds for every test: the same examples every time, and no long simulations unasked."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")


def pytest_collection_modifyitems(config, items):
    """Leave the full-size simulations out unless a marker expression asks for them."""
    if config.getoption("markexpr"):
        return
    long = [item for item in items if item.get_closest_marker("calibration")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]
