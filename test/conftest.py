"""Settings for every suite: property tests are repeatable, and print how to repeat a failure."""
from hypothesis import HealthCheck, settings

from swift.common import green

# The loop that servers run on; without this, unpatched tests would have eventlet's own.
green.hubs.use_hub(green.Hub)

settings.register_profile('ci', derandomize=True, deadline=None, max_examples=100,
                          suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile('ci')
