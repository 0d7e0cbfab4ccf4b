"""Settings of every test."""

import matplotlib
from hypothesis import HealthCheck, settings

# The same examples on every run and machine; a slow machine is not a wrong result.
settings.register_profile(
    "reproducible",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("reproducible")

# No window, whatever the machine. Chapters run in kernels of their own and choose theirs.
matplotlib.use("Agg")
