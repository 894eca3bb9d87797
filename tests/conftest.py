"""Settings that the whole suite shares."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "gate",
    derandomize=True,
    max_examples=60,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("hunt", max_examples=5_000, deadline=None)
settings.load_profile(os.environ.get("TWINCAST_HYPOTHESIS", "gate"))
